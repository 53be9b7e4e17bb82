// SPDX-License-Identifier: Apache-2.0
/** What an actor of the workload has in reach: one process, its chance, and whom it tells. Types only. */

import type { Clock, Prng } from "@conclave/base";
import type { Client, Leadership } from "@conclave/client";
import type { Observation } from "../world/observation.ts";
import type { FencedRegister } from "./fenced-register.ts";
import type { Order } from "./order.ts";
import type { Recorder } from "./recorder.ts";

export interface Stage {
  /** Of the process that the actor lives in, and dies with. */
  readonly name: string;
  readonly client: Client;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly elections: readonly string[];
  readonly paceMs: number;
  readonly register: FencedRegister;
  readonly recorder: Recorder;
  readonly observe: (observation: Observation) => void;
  /** Whoever asks this process who leads would be told so by this leadership. */
  readonly believe: (candidate: string, leadership: Leadership) => void;
  /** What the user has written down, by election: revisions to watch on from. Outlives the process. */
  readonly notebook: Map<string, bigint>;
  /** What operators leave to each other; undefined: each works alone. */
  readonly desk: Order[] | undefined;
  /** Operators rest while a cluster has to show that it recovers. */
  readonly isCalm: () => boolean;
}

/** Resolves on the process's clock: never, if the process dies first. */
export function pause({ clock }: Pick<Stage, "clock">, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(ms, resolve);
  });
}

/** About the pace of the run: a half to one and a half of it. */
export function rest(stage: Pick<Stage, "clock" | "prng" | "paceMs">): Promise<void> {
  const { prng, paceMs } = stage;
  return pause(stage, paceMs / 2 + prng.below(paceMs + 1));
}
