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
export type InputVerb = "enter" | "withdraw" | "anoint" | "promote" | "evict" | "watch" | "demote";

export interface ElectionInput {
  readonly verb: InputVerb;
  /** Empty for `watch`. */
  readonly candidate: string;
}

const FIELDS: Readonly<Record<InputVerb, { readonly verb: number; readonly candidate: number }>> = {
  enter: { verb: 1, candidate: 1 },
  withdraw: { verb: 2, candidate: 1 },
  anoint: { verb: 3, candidate: 1 },
  promote: { verb: 4, candidate: 2 },
  evict: { verb: 5, candidate: 1 },
  watch: { verb: 7, candidate: 1 },
  demote: { verb: 8, candidate: 2 },
};

const VERBS: ReadonlyMap<number, InputVerb> = new Map(
  (Object.keys(FIELDS) as InputVerb[]).map((verb) => [FIELDS[verb].verb, verb]),
);

export function writeInput(
  writer: WireWriter,
  field: number,
  verb: InputVerb,
  candidate: string,
): void {
  const input = openMessage(writer, field);
  const inner = openMessage(writer, FIELDS[verb].verb);
  writeText(writer, FIELDS[verb].candidate, candidate);
  closeMessage(writer, inner);
  closeMessage(writer, input);
}

export function readInput(reader: WireReader): ElectionInput | undefined {
  let verb: InputVerb | undefined;
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
