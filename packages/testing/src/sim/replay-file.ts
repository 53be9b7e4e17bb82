// SPDX-License-Identifier: Apache-2.0
/**
 * A failure as a file: the plan that shows it, and what was broken. Pure.
 *
 *     { "seed": "42", "faults": [...], "rule": "O1", "message": "...", "found": "9b61051" }
 *
 * `faults` may be missing: then the seed's own schedule is run. The files in `seeds/` have the same form,
 * with `fixed`, the commit that put it right, and `note` for the reader.
 */

import type { PlannedFault } from "./simulator.ts";

export interface ReplayFile {
  readonly seed: bigint;
  readonly faults: readonly PlannedFault[] | undefined;
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
  return `${JSON.stringify({ ...file, seed: `${file.seed}` }, undefined, 2)}\n`;
}

/** Throws an `Error` that says what is wrong with the text. */
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
  return {
    seed,
    faults: faultsOf(fields.get("faults")),
    rule: textOf("rule") ?? "",
    message: textOf("message") ?? "",
    found: textOf("found") ?? "",
    fixed: textOf("fixed"),
    note: textOf("note"),
  };
}

/** A seed as people write it; undefined if it is none. */
export function seedOf(text: string): bigint | undefined {
  if (!/^[0-9]{1,20}$/.test(text)) return undefined;
  const seed = BigInt(text);
  return seed < 1n << 64n ? seed : undefined;
}

function faultsOf(value: unknown): readonly PlannedFault[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw new Error("faults is no list");
  return value.map((fault: unknown) => {
    if (typeof fault !== "object" || fault === null) throw new Error("a fault is no object");
    return fault;
  });
}
