// SPDX-License-Identifier: Apache-2.0
/** What the command line needs of the simulation: to run a seed, and a plan that came of one. Types only. */

import type { Violation } from "../world/observation.ts";

/** One fault of a run with its time, as data: what is written into a replay file. */
export type PlannedFault = object;

/** A run by a schedule of faults that is given, with everything else drawn from the seed. */
export interface Plan {
  readonly seed: bigint;
  readonly faults: readonly PlannedFault[];
}

export interface SimulationOutcome {
  readonly kind: "held" | "violated";
  readonly violation?: Violation | undefined;
  readonly trace: readonly string[];
  readonly simulatedMs: number;
  /** The faults that were done, which a plan of the same seed repeats. */
  readonly faults: readonly PlannedFault[];
}

export interface Simulator {
  runSeed(seed: bigint): Promise<SimulationOutcome>;
  runPlan(plan: Plan): Promise<SimulationOutcome>;
}
