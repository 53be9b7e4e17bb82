// SPDX-License-Identifier: Apache-2.0
/** What a simulated run came to. Types only. */

import type { Violation } from "../world/observation.ts";
import type { Plan } from "./plan.ts";

/** What the machine gives to a run: neither time nor chance. */
export interface Machine {
  /** Resolves when all microtasks have run: a macrotask's turn. */
  readonly drain: () => Promise<void>;
  /** Called with what nobody caught; the function that is returned ends it. */
  readonly onUncaught: (handle: (error: unknown) => void) => () => void;
}

export interface Outcome {
  readonly kind: "held" | "violated";
  readonly plan: Plan;
  /** The first rule that was broken. */
  readonly violation: Violation | undefined;
  /** When, on virtual time. */
  readonly atMs: number;
  /** One line for each thing that was seen, oldest first. */
  readonly trace: readonly string[];
  readonly simulatedMs: number;
  /** What was done in the run, so that a workload which does nothing shows. */
  readonly counts: Readonly<Record<string, number>>;
}
