// SPDX-License-Identifier: Apache-2.0
/** Remembered replies in snapshots: conclave.log.v1.Reply and Term. */

import { assert } from "@conclave/base";
import type { DialectDone, Done, RefusalReason, Refused, Reply } from "./reply.ts";
import { type ElectionOutput, readOutput, writeOutput } from "./s1-output.ts";
import type { TermView } from "./view.ts";
import {
  beginMessage,
  endMessage,
  failDamaged,
  failUnknown,
  nextField,
  readBigint,
  readBool,
  readNumber,
  readText,
  type WireReader,
} from "./wire-reader.ts";
import {
  closeMessage,
  openMessage,
  type WireWriter,
  writeBigint,
  writeBool,
  writePresentBigint,
  writePresentNumber,
  writePresentText,
  writeText,
} from "./wire-writer.ts";

/** Every reason, so that one of a newer version is found out. A missing one does not compile. */
const REASONS: Readonly<Record<RefusalReason, true>> = {
  invalid_field: true,
  not_a_candidate: true,
  held_by_another_session: true,
  revision_mismatch: true,
  session_ended: true,
  session_unknown: true,
  session_mismatch: true,
  already_answered: true,
  too_many_unacknowledged: true,
  request_id_reused: true,
  too_many_candidates: true,
  too_many_elections: true,
  too_many_sessions: true,
  metadata_full: true,
  no_such_election: true,
  out_of_order: true,
  not_created: true,
  permission_denied: true,
  too_many_streams: true,
  invalid_restore: true,
};

const NO_OUTPUT: ElectionOutput = { verb: undefined, term: { term: 0n, candidates: [] } };

export function writeReply(writer: WireWriter, field: number, reply: Reply): void {
  const start = openMessage(writer, field);
  switch (reply.kind) {
    case "done":
      writeDone(writer, reply);
      break;
    case "dialect-done":
      writeDialectDone(writer, reply);
      break;
    case "refused":
      writeRefused(writer, reply);
      break;
    default:
      assert(false, "E9: only answers to commands on elections are remembered");
  }
  closeMessage(writer, start);
}

export function readReply(reader: WireReader): Reply | undefined {
  let reply: Reply | undefined;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) reply = readDone(reader);
    else if (reader.field === 2) reply = readDialectDone(reader);
    else if (reader.field === 3) reply = readRefused(reader);
    else failUnknown(reader, `reply ${reader.field}`);
  }
  endMessage(reader, outer);
  if (reply === undefined) failDamaged(reader, "a reply that says nothing");
  return reply;
}

export function writeTerm(writer: WireWriter, field: number, term: TermView): void {
  const start = openMessage(writer, field);
  writeBigint(writer, 1, term.term);
  if (term.sinceMs !== undefined) writePresentNumber(writer, 2, term.sinceMs);
  if (term.changedMs !== undefined) writePresentNumber(writer, 3, term.changedMs);
  for (const candidate of term.candidates) writePresentText(writer, 4, candidate);
  closeMessage(writer, start);
}

export function readTerm(reader: WireReader): TermView {
  let term = 0n;
  let sinceMs: number | undefined;
  let changedMs: number | undefined;
  const candidates: string[] = [];
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) term = readBigint(reader);
    else if (reader.field === 2) sinceMs = readNumber(reader);
    else if (reader.field === 3) changedMs = readNumber(reader);
    else if (reader.field === 4) candidates.push(readText(reader));
    else failUnknown(reader, `field ${reader.field} of a term`);
  }
  endMessage(reader, outer);
  return {
    term,
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(changedMs === undefined ? {} : { changedMs }),
    candidates,
  };
}

function writeDone(writer: WireWriter, reply: Done): void {
  const start = openMessage(writer, 1);
  writeBigint(writer, 1, reply.revision);
  writeBigint(writer, 2, reply.term);
  writeBool(writer, 3, reply.leading);
  writeBool(writer, 4, reply.changed);
  closeMessage(writer, start);
}

function readDone(reader: WireReader): Done {
  let revision = 0n;
  let term = 0n;
  let leading = false;
  let changed = false;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) revision = readBigint(reader);
    else if (reader.field === 2) term = readBigint(reader);
    else if (reader.field === 3) leading = readBool(reader);
    else if (reader.field === 4) changed = readBool(reader);
    else failUnknown(reader, `field ${reader.field} of an answer`);
  }
  endMessage(reader, outer);
  return { kind: "done", revision, term, leading, changed, replayed: false };
}

function writeDialectDone(writer: WireWriter, reply: DialectDone): void {
  const start = openMessage(writer, 2);
  writeBigint(writer, 1, reply.index);
  writeBigint(writer, 2, reply.revision);
  writeBool(writer, 3, reply.changed);
  writeBigint(writer, 4, reply.primitiveId);
  const { sinceMs, changedMs } = reply.term;
  writeOutput(writer, 5, reply.verb, reply.term);
  if (sinceMs !== undefined) writePresentNumber(writer, 6, sinceMs);
  if (changedMs !== undefined) writePresentNumber(writer, 7, changedMs);
  closeMessage(writer, start);
}

function readDialectDone(reader: WireReader): DialectDone {
  let index = 0n;
  let revision = 0n;
  let changed = false;
  let primitiveId = 0n;
  let output: ElectionOutput | undefined;
  let sinceMs: number | undefined;
  let changedMs: number | undefined;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) index = readBigint(reader);
    else if (reader.field === 2) revision = readBigint(reader);
    else if (reader.field === 3) changed = readBool(reader);
    else if (reader.field === 4) primitiveId = readBigint(reader);
    else if (reader.field === 5) output = readOutput(reader);
    else if (reader.field === 6) sinceMs = readNumber(reader);
    else if (reader.field === 7) changedMs = readNumber(reader);
    else failUnknown(reader, `field ${reader.field} of a dialect's answer`);
  }
  endMessage(reader, outer);
  if (output === undefined) failDamaged(reader, "a dialect's answer without an output");
  const { verb, term } = output ?? NO_OUTPUT;
  const answer = { kind: "dialect-done", index, revision, changed, replayed: false } as const;
  return {
    ...answer,
    primitiveId,
    term: {
      term: term.term,
      ...(sinceMs === undefined ? {} : { sinceMs }),
      ...(changedMs === undefined ? {} : { changedMs }),
      candidates: term.candidates,
    },
    ...(verb === undefined ? {} : { verb }),
  };
}

function writeRefused(writer: WireWriter, reply: Refused): void {
  const start = openMessage(writer, 3);
  writeText(writer, 1, reply.reason);
  if (reply.field !== undefined) writePresentText(writer, 2, reply.field);
  if (reply.bound !== undefined) writePresentText(writer, 3, reply.bound);
  if (reply.revision !== undefined) writePresentBigint(writer, 4, reply.revision);
  closeMessage(writer, start);
}

function readRefused(reader: WireReader): Refused | undefined {
  let reason = "";
  let field: string | undefined;
  let bound: string | undefined;
  let revision: bigint | undefined;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) reason = readText(reader);
    else if (reader.field === 2) field = readText(reader);
    else if (reader.field === 3) bound = readText(reader);
    else if (reader.field === 4) revision = readBigint(reader);
    else failUnknown(reader, `field ${reader.field} of a refusal`);
  }
  endMessage(reader, outer);
  if (!isReason(reason)) {
    failUnknown(reader, `refusal ${reason}`);
    return undefined;
  }
  return {
    kind: "refused",
    reason,
    ...(field === undefined ? {} : { field }),
    ...(bound === undefined ? {} : { bound }),
    ...(revision === undefined ? {} : { revision }),
  };
}

function isReason(text: string): text is RefusalReason {
  return Object.hasOwn(REASONS, text);
}
