// SPDX-License-Identifier: Apache-2.0
/** What another node sent cannot be what it meant; the answer is a value, since the sender may be anyone. */

export interface Malformed {
  readonly kind: "malformed";
  /** The field, in the spelling of the proto, and what it must keep to. */
  readonly detail: string;
}

export function malformed(field: string, bound: string): Malformed {
  return { kind: "malformed", detail: `${field}: ${bound}` };
}

export function isMalformed(value: object | undefined): value is Malformed {
  return value !== undefined && "kind" in value && value.kind === "malformed";
}

/** The largest count that our numbers hold exactly (decision 0001). */
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** A 64-bit field as a number; -1 where it is larger than any that we send. */
export function countOf(value: bigint): number {
  return value <= SAFE_MAX ? Number(value) : -1;
}

const NODE_MAX = 65_535;
const ADDRESS_CHARACTERS_MAX = 256;

export function isNodeId(value: number): boolean {
  return value >= 1 && value <= NODE_MAX;
}

export function isAddress(value: string): boolean {
  return value.length >= 1 && value.length <= ADDRESS_CHARACTERS_MAX;
}
