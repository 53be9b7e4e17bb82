// SPDX-License-Identifier: Apache-2.0
/** What rules may look up beside the observations: the state of processes at this moment. Types only. */

import type { GroupStatus } from "@conclave/raft";
import type { ElectionNode } from "@conclave/server";
import type { ServerLife } from "./observation.ts";

export interface RunningServer {
  readonly life: ServerLife;
  /** Its groups, 1 to N. */
  readonly groups: readonly { status(): GroupStatus }[];
  /** Undefined while it has not settled who it is. */
  readonly replicas: ElectionNode | undefined;
}

/** An office that a living process would claim to hold if it were asked now; a paused one cannot be asked. */
export interface Belief {
  readonly client: string;
  readonly election: string;
  readonly candidate: string;
  readonly term: bigint;
  /** By its own clocks; above 0. */
  readonly remainingMs: number;
}

export interface WorldView {
  readonly nowMs: number;
  readonly partitionCount: number;
  /** Of those that run, by node. */
  readonly servers: readonly RunningServer[];
  /** For C3 and O2: exact at this instant, unlike what a process has come round to report. */
  readonly beliefs: readonly Belief[];
  /** Candidates that live, want office and could have it by now; for liveness. */
  readonly waiting: readonly {
    readonly election: string;
    readonly candidate: string;
    readonly sinceMs: number;
  }[];
}
