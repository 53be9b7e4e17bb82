// SPDX-License-Identifier: Apache-2.0
/**
 * A failure as a file: the plan that shows it, and what was broken. Pure.
 *
 *     { "seed": "42", "plan": {...}, "rule": "O1", "message": "...", "found": "9b61051" }
 *
 * `plan` may be missing: then the seed draws it. The files in `seeds/` have the same form, with `fixed`,
 * the commit that put it right, and `note` for the reader.
 */

import type { Plan } from "../run/plan.ts";

export interface ReplayFile {
  readonly seed: bigint;
  readonly plan: Plan | undefined;
  /** Number of the broken rule, as found. */
  readonly rule: string;
  readonly message: string;
  /** The commit on which it was found. */
  readonly found: string;
  /** The commit that fixed it. */
  readonly fixed: string | undefined;
  readonly note: string | undefined;
}

export function encodeReplayFile(file: ReplayFile): string {
  const seed = `${file.seed}`;
  const plan = file.plan && { ...file.plan, seed };
  return `${JSON.stringify({ ...file, seed, plan }, undefined, 2)}\n`;
}

/** @throws {Error} that says what is wrong with the text */
export function decodeReplayFile(text: string): ReplayFile {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null) throw new Error("it holds no object");
  const fields = new Map<string, unknown>(Object.entries(value));
  const textOf = (name: string): string | undefined => {
    const field = fields.get(name);
    if (field !== undefined && typeof field !== "string") throw new Error(`${name} is no text`);
    return field;
  };
  const seed = seedOf(textOf("seed") ?? "");
  if (seed === undefined) throw new Error("seed is no whole number of 64 bits, written as text");
  const plan = fields.get("plan");
  return {
    seed,
    plan: plan === undefined ? undefined : planOf(plan, seed),
    rule: textOf("rule") ?? "",
    message: textOf("message") ?? "",
    found: textOf("found") ?? "",
    fixed: textOf("fixed"),
    note: textOf("note"),
  };
}

/** Only what every version of the simulator has is looked at; what a plan lacks shows when it is run. */
function planOf(value: unknown, seed: bigint): Plan {
  const isPlan = typeof value === "object" && value !== null && "faults" in value;
  if (!isPlan || !Array.isArray(value.faults)) throw new Error("its plan has no list of faults");
  return { ...(value as Plan), seed };
}

/** A seed as people write it; undefined if it is none. */
export function seedOf(text: string): bigint | undefined {
  if (!/^[0-9]{1,20}$/.test(text)) return undefined;
  const seed = BigInt(text);
  return seed < 1n << 64n ? seed : undefined;
}
