// SPDX-License-Identifier: Apache-2.0
/**
 * One run of the simulator, as a value: who takes part, for how long, and what goes wrong. Equal plans
 * give equal runs on the same commit. Types only.
 */

import type { MemberLimits } from "@conclave/server/member";
import type { Fault } from "../fault/fault.ts";
import type { Serving } from "../workload/serving.ts";
import type { WatchHabits } from "../workload/watcher.ts";

export interface ClientPlan {
  readonly name: string;
  readonly ttlMs: number;
  /** 0: off. */
  readonly graceMs: number;
  /** By how many millionths its clock runs fast. */
  readonly driftPpm: number;
  /** In how many of the elections it stands. */
  readonly elections: number;
  /** The name that it stands under, which another may stand under too. Default: its own. */
  readonly candidate?: string;
  /** Takes its name over when it comes up, and now and then later. Default: it waits for it. */
  readonly takesOver?: boolean;
  /** Changes its metadata while it leads. Default: never. */
  readonly updates?: boolean;
  /** Stands by `serve`. Default: by one `campaign` after the other. */
  readonly serving?: Serving;
}

export interface Plan {
  readonly seed: bigint;
  readonly nodes: number;
  readonly partitions: number;
  readonly elections: number;
  /**
   * More than what sessions promise to stand: clocks further than 1 % apart, and ends of connections that
   * only the server sees. Then the term alone protects (semantics A2).
   */
  readonly isBeyond: boolean;
  /** Of each node, as `ClientPlan.driftPpm`. */
  readonly driftPpm: readonly number[];
  readonly clients: readonly ClientPlan[];
  readonly operators: number;
  /** They ask for each other's verbs again, under the same request id. Default: each works alone. */
  readonly sharesDesk?: boolean;
  readonly readers: number;
  readonly watchers: number;
  /** Users who watch now this and now that, and go on from old notes. Default: each watches one thing. */
  readonly watching?: WatchHabits;
  /** Between two things that an actor does, on the average. */
  readonly paceMs: number;
  /** Frames pass as bytes, or as the objects that they were. */
  readonly isEncoded: boolean;
  /** Entries of a group after which a snapshot is taken; small ones make for many. */
  readonly snapshotEveryEntries: number;
  /** By which servers live, beside that; what is left out is the product's own. */
  readonly limits: Partial<MemberLimits>;
  readonly syncMs: number;
  readonly delayMs: { readonly min: number; readonly max: number };
  /** Faults go on for so long; then everything heals, and the cluster has to go on. */
  readonly safetyMs: number;
  readonly faults: readonly Fault[];
}
