// SPDX-License-Identifier: Apache-2.0
/**
 * Histories as JSON lines, one object a line, for checkers outside (docs/testing.md, "Histories").
 *
 * Revisions, terms and times are decimal strings, since a JSON number cannot hold all of them; what is
 * undefined is left out.
 */

import type { History, MayLeave, Operation } from "./operation.ts";

/** Every line ends with a line feed; no history, no text. */
export function historyToLines({ operations, mayLeave }: History): string {
  const lines = [
    ...operations.map((operation) => ({ kind: "operation", ...operation })),
    ...mayLeave.map((one) => ({ kind: "may-leave", ...one })),
  ];
  return lines.map((line) => `${JSON.stringify(line, asText)}\n`).join("");
}

/** @throws Error where a line is none of ours, with its number. */
export function historyFromLines(text: string): History {
  const operations: Operation[] = [];
  const mayLeave: MayLeave[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const { kind, ...fields } = parsed(line, i + 1);
    if (kind === "operation") {
      operations.push({ endNs: undefined, result: undefined, ...fields } as unknown as Operation);
    } else if (kind === "may-leave") {
      mayLeave.push({ client: undefined, untilNs: undefined, ...fields } as unknown as MayLeave);
    } else throw new Error(`line ${i + 1} of a history is of kind ${String(kind)}`);
  }
  return { operations, mayLeave };
}

/** The fields that are decimal strings. */
const NUMBERS: ReadonlySet<string> = new Set([
  ...["startNs", "endNs", "fromNs", "untilNs", "term", "revision", "ifRevision"],
]);

function parsed(line: string, number: number): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(line, (key: string, value: unknown) =>
      NUMBERS.has(key) && typeof value === "string" ? BigInt(value) : value,
    );
  } catch (cause) {
    throw new Error(`line ${number} of a history is not JSON as ours is`, { cause });
  }
}

function asText(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
