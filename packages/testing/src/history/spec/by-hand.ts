// SPDX-License-Identifier: Apache-2.0
/** Histories written down line by line, for specs. */

import type { Call, History, Operation, Result } from "../operation.ts";

export type Line = readonly [
  election: string,
  client: string,
  call: Call,
  startNs: number,
  endNs: number | undefined,
  result: Result | undefined,
];

export function historyOf(...lines: readonly Line[]): History {
  return { operations: lines.map((line) => operation(...line)), mayLeave: [] };
}

export function operation(...[election, client, call, startNs, endNs, result]: Line): Operation {
  const end = endNs === undefined ? undefined : BigInt(endNs);
  return { election, client, call, startNs: BigInt(startNs), endNs: end, result };
}

export function led(term: bigint): Result {
  return { kind: "led", term, revision: undefined };
}

export function view(seen: Extract<Result, { kind: "view" }>["view"]): Result {
  return { kind: "view", view: seen };
}
