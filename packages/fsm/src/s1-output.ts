// SPDX-License-Identifier: Apache-2.0
/**
 * S1's LeaderElectionOutput, what a call of a dialect is answered with, byte for byte: by verb, as
 * the inputs are, the term with its leader apart from the candidates.
 */

import { leaderApart } from "./projection.ts";
import { type ElectionVerb, numberOfVerb, verbOfNumber } from "./s1-input.ts";
import type { TermView } from "./view.ts";
import {
  beginMessage,
  endMessage,
  failDamaged,
  failUnknown,
  nextField,
  readBigint,
  readText,
  type WireReader,
} from "./wire-reader.ts";
import {
  closeMessage,
  openMessage,
  type WireWriter,
  writeBigint,
  writePresentText,
  writeText,
} from "./wire-writer.ts";

export interface ElectionOutput {
  /** Undefined: the term was not asked for by any verb, so it stands as one that was read. */
  readonly verb: ElectionVerb | undefined;
  readonly term: Pick<TermView, "term" | "candidates">;
}

/** The output of S1's query for a term. */
const GET_TERM = 6;

export function writeOutput(
  writer: WireWriter,
  field: number,
  verb: ElectionVerb | undefined,
  view: TermView,
): void {
  const { term, leader, candidates } = leaderApart(view);
  const output = openMessage(writer, field);
  const ofVerb = openMessage(writer, verb === undefined ? GET_TERM : numberOfVerb(verb));
  const inner = openMessage(writer, 1);
  writeText(writer, 1, leader);
  for (const candidate of candidates) writePresentText(writer, 2, candidate);
  writeBigint(writer, 3, term);
  closeMessage(writer, inner);
  closeMessage(writer, ofVerb);
  closeMessage(writer, output);
}

export function readOutput(reader: WireReader): ElectionOutput {
  let verb: ElectionVerb | undefined;
  let term: ElectionOutput["term"] | undefined;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (term !== undefined) failDamaged(reader, "an output of two verbs");
    verb = verbOfNumber(reader.field);
    if (verb === undefined && reader.field !== GET_TERM) {
      failUnknown(reader, `output ${reader.field}`);
      break;
    }
    const ofVerb = beginMessage(reader);
    while (nextField(reader)) {
      if (reader.field === 1) term = readOutputTerm(reader);
      else failUnknown(reader, `field ${reader.field} of an output`);
    }
    endMessage(reader, ofVerb);
  }
  endMessage(reader, outer);
  if (term === undefined) failDamaged(reader, "an output without a term");
  return { verb, term: term ?? { term: 0n, candidates: [] } };
}

function readOutputTerm(reader: WireReader): ElectionOutput["term"] {
  let term = 0n;
  let leader = "";
  const candidates: string[] = [];
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) leader = readText(reader);
    else if (reader.field === 2) candidates.push(readText(reader));
    else if (reader.field === 3) term = readBigint(reader);
    else failUnknown(reader, `field ${reader.field} of an output's term`);
  }
  endMessage(reader, outer);
  if (leader !== "") candidates.unshift(leader);
  else if (candidates.length > 0) failDamaged(reader, "a queue behind nobody");
  return { term, candidates };
}
