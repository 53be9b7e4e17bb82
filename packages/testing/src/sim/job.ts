// SPDX-License-Identifier: Apache-2.0
/** What the command line asks of a process that runs worlds, and what it is answered. Types only. */

import type { Plan } from "../run/plan.ts";
import type { Violation } from "../world/observation.ts";

export type Job = (
  | { readonly kind: "seed"; readonly seed: bigint }
  | { readonly kind: "plan"; readonly plan: Plan }
) & {
  /** Whether the trace is wanted even if every rule holds. */
  readonly isTraced?: boolean;
};

/** One run, without the lines of its trace unless a rule was broken or the job was to be traced. */
export interface RunReport {
  readonly plan: Plan | undefined;
  /** Undefined: every rule held. */
  readonly violation: Violation | undefined;
  readonly atMs: number;
  readonly simulatedMs: number;
  readonly realMs: number;
  readonly trace: readonly string[];
  /** SHA-256 of the whole trace: equal ones are byte-identical. */
  readonly traceHash: string;
  readonly counts: Readonly<Record<string, number>>;
}

/** Beside the rules of the product, what ends a run without its own verdict. */
export const CRASH = "crash";
export const HANG = "hang";
