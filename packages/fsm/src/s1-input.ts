// SPDX-License-Identifier: Apache-2.0
/**
 * S1's LeaderElectionInput, the payload of every command on an election, byte for byte: the verbs are
 * numbered 1 to 8, and promote and demote carry the candidate in field 2, all others in field 1.
 */

import {
  beginMessage,
  endMessage,
  failDamaged,
  failUnknown,
  nextField,
  readText,
  type WireReader,
} from "./wire-reader.ts";
import { closeMessage, openMessage, type WireWriter, writeText } from "./wire-writer.ts";

/** `watch` stands for S0's Events, which S1 calls a query. */
export type ElectionVerb =
  | "enter"
  | "withdraw"
  | "anoint"
  | "promote"
  | "evict"
  | "watch"
  | "demote";

export interface ElectionInput {
  readonly verb: ElectionVerb;
  /** Empty for `watch`. */
  readonly candidate: string;
}

/** By verb, its number in inputs and outputs alike, and the field of an input's candidate. */
const FIELDS: Readonly<
  Record<ElectionVerb, { readonly verb: number; readonly candidate: number }>
> = {
  enter: { verb: 1, candidate: 1 },
  withdraw: { verb: 2, candidate: 1 },
  anoint: { verb: 3, candidate: 1 },
  promote: { verb: 4, candidate: 2 },
  evict: { verb: 5, candidate: 1 },
  watch: { verb: 7, candidate: 1 },
  demote: { verb: 8, candidate: 2 },
};

/** Of a verb, in S1's LeaderElectionInput and LeaderElectionOutput. */
export function numberOfVerb(verb: ElectionVerb): number {
  return FIELDS[verb].verb;
}

export function verbOfNumber(number: number): ElectionVerb | undefined {
  return VERBS.get(number);
}

const VERBS: ReadonlyMap<number, ElectionVerb> = new Map(
  (Object.keys(FIELDS) as ElectionVerb[]).map((verb) => [FIELDS[verb].verb, verb]),
);

export function writeInput(
  writer: WireWriter,
  field: number,
  verb: ElectionVerb,
  candidate: string,
): void {
  const input = openMessage(writer, field);
  const inner = openMessage(writer, FIELDS[verb].verb);
  writeText(writer, FIELDS[verb].candidate, candidate);
  closeMessage(writer, inner);
  closeMessage(writer, input);
}

export function readInput(reader: WireReader): ElectionInput | undefined {
  let verb: ElectionVerb | undefined;
  let candidate = "";
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (verb !== undefined) failDamaged(reader, "an input of two verbs");
    verb = VERBS.get(reader.field);
    if (verb === undefined) {
      failUnknown(reader, `input ${reader.field}`);
      break;
    }
    const { candidate: expected } = FIELDS[verb];
    const input = beginMessage(reader);
    while (nextField(reader)) {
      if (reader.field === expected) candidate = readText(reader);
      else failUnknown(reader, `field ${reader.field} of an input`);
    }
    endMessage(reader, input);
  }
  endMessage(reader, outer);
  if (verb === undefined) {
    failDamaged(reader, "an input without a verb");
    return undefined;
  }
  return { verb, candidate };
}
