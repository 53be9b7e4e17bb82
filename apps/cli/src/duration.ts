// SPDX-License-Identifier: Apache-2.0
/** How long, as people write it: `500ms`, `3s`, `2m`, `1h`, `1.5s`. Reads no clock. */

export type ParsedDuration =
  | { readonly kind: "duration"; readonly ms: number }
  | { readonly kind: "malformed"; readonly expected: string };

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Reads one duration as whole milliseconds.
 *
 * A bare number is refused: half of the tools that a user knows would read `5` as seconds and the
 * other half as milliseconds, and a lease of the wrong length is found out late.
 */
export function parseDuration(text: string): ParsedDuration {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  const unitMs = UNIT_MS[match?.[2] ?? ""];
  const ms = Number(match?.[1]) * (unitMs ?? Number.NaN);
  if (!Number.isSafeInteger(ms)) return { kind: "malformed", expected: EXPECTED };
  return { kind: "duration", ms };
}

const EXPECTED = "a number with a unit, for instance 500ms, 3s, 2m or 1h";

/** Writes a duration in the largest unit that needs no fraction, as `parseDuration` reads it. */
export function formatDuration(ms: number): string {
  for (const unit of ["h", "m", "s"]) {
    const unitMs = UNIT_MS[unit] ?? 1;
    if (ms >= unitMs && ms % unitMs === 0) return `${ms / unitMs}${unit}`;
  }
  return `${ms}ms`;
}
