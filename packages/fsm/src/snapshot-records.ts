// SPDX-License-Identifier: Apache-2.0
/** The records of sessions and elections in a snapshot, as they stand: not yet tied to each other. */

import type { StreamMessage } from "./change.ts";
import type { Metadata } from "./command.ts";
import type { PrimitiveKey } from "./key.ts";
import type { Numbering, Session } from "./records.ts";
import { createSession, type SessionOptions } from "./session.ts";
import type { SessionId } from "./session-id.ts";
import type { TermView } from "./view.ts";
import { readKey } from "./wire-key.ts";
import {
  beginMessage,
  endMessage,
  failDamaged,
  failUnknown,
  nextField,
  readBigint,
  readBool,
  readFixed64,
  readNumber,
  readPackedNumbers,
  readText,
  readTextPair,
  type WireReader,
} from "./wire-reader.ts";
import { readReply, readTerm } from "./wire-reply.ts";

export interface SessionRecord {
  readonly session: Session;
  readonly streams: readonly StreamRecord[];
}

export interface StreamRecord {
  readonly streamId: number;
  readonly openedIndex: bigint;
  readonly lastResponseId: number;
  /** Absent once it is closed. */
  readonly key: PrimitiveKey | undefined;
  readonly messages: readonly Pick<StreamMessage, "index" | "type" | "term">[];
}

export interface ElectionRecord {
  key: PrimitiveKey | undefined;
  term: bigint;
  readonly candidates: { readonly name: string; readonly sessionId: SessionId }[];
  createdIndex: bigint;
  createdRevision: bigint;
  revision: bigint;
  isLed: boolean;
  sinceMs: number | undefined;
  changedMs: number | undefined;
  idleIndex: bigint;
  /** By position in the list. */
  readonly metadata: Map<number, Metadata>;
}

const NUMBERINGS: readonly (Numbering | undefined)[] = [undefined, "native", "s0", "s1"];
const MESSAGE_TYPES: readonly (StreamMessage["type"] | undefined)[] = [
  undefined,
  "open",
  "event",
  "close",
];

export function readSession(reader: WireReader): SessionRecord {
  const options: { -readonly [K in keyof SessionOptions]: SessionOptions[K] } = {
    id: 0n,
    numbering: "native",
    ttlMs: 0,
    graceMs: 0,
    labels: new Map(),
    principal: "",
  };
  const labels = new Map<string, string>();
  const session = createSession({ ...options, labels });
  const streams: StreamRecord[] = [];
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) options.id = readFixed64(reader);
    else if (reader.field === 2) options.numbering = readNumbering(reader);
    else if (reader.field === 3) options.ttlMs = readNumber(reader);
    else if (reader.field === 4) options.graceMs = readNumber(reader);
    else if (reader.field === 5) readTextPair(reader, labels);
    else if (reader.field === 6) options.principal = readText(reader);
    else if (reader.field === 7) session.officeRevision = readBigint(reader);
    else if (reader.field <= 11) readAnswers(reader, session);
    else if (reader.field === 12) readBinding(reader, session);
    else if (reader.field === 13) streams.push(readStream(reader));
    else failUnknown(reader, `field ${reader.field} of a session`);
  }
  endMessage(reader, outer);
  return { session: { ...session, ...options, labels }, streams };
}

export function readElection(reader: WireReader): ElectionRecord {
  const record: ElectionRecord = {
    key: undefined,
    term: 0n,
    candidates: [],
    createdIndex: 0n,
    createdRevision: 0n,
    revision: 0n,
    isLed: false,
    sinceMs: undefined,
    changedMs: undefined,
    idleIndex: 0n,
    metadata: new Map(),
  };
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) record.key = readKey(reader);
    else if (reader.field === 2) readElectionState(reader, record);
    else if (reader.field === 3) record.createdIndex = readBigint(reader);
    else if (reader.field === 4) record.createdRevision = readBigint(reader);
    else if (reader.field === 5) record.revision = readBigint(reader);
    else if (reader.field === 6) record.isLed = readBool(reader);
    else if (reader.field === 7) record.sinceMs = readNumber(reader);
    else if (reader.field === 8) record.changedMs = readNumber(reader);
    else if (reader.field === 9) record.idleIndex = readBigint(reader);
    else if (reader.field === 10) readCandidateMetadata(reader, record);
    else failUnknown(reader, `field ${reader.field} of an election`);
  }
  endMessage(reader, outer);
  if (record.key === undefined) failDamaged(reader, "an election without its key");
  return record;
}

function readNumbering(reader: WireReader): Numbering {
  const number = readNumber(reader);
  const numbering = NUMBERINGS[number];
  if (numbering === undefined) failUnknown(reader, `numbering ${number}`);
  return numbering ?? "native";
}

function readAnswers(reader: WireReader, session: Session): void {
  const { answers } = session;
  if (reader.field === 8) answers.acknowledged = readNumber(reader);
  else if (reader.field === 9) answers.open = new Set(readPackedNumbers(reader));
  else if (reader.field === 10) answers.last = readNumber(reader);
  else readNumberedReply(reader, session);
}

function readNumberedReply(reader: WireReader, session: Session): void {
  let number = 0;
  let reply: ReturnType<typeof readReply>;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) number = readNumber(reader);
    else if (reader.field === 2) reply = readReply(reader);
    else failUnknown(reader, `field ${reader.field} of a numbered reply`);
  }
  endMessage(reader, outer);
  if (reply === undefined) failDamaged(reader, "a number without its reply");
  else session.answers.replies.set(number, reply);
}

function readBinding(reader: WireReader, session: Session): void {
  let createdIndex = 0n;
  let key: PrimitiveKey | undefined;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) createdIndex = readBigint(reader);
    else if (reader.field === 2) key = readKey(reader);
    else failUnknown(reader, `field ${reader.field} of a binding`);
  }
  endMessage(reader, outer);
  if (key === undefined) failDamaged(reader, "a binding without its key");
  else session.bound.set(createdIndex, key);
}

function readStream(reader: WireReader): StreamRecord {
  let streamId = 0;
  let openedIndex = 0n;
  let lastResponseId = 0;
  let key: PrimitiveKey | undefined;
  const messages: Pick<StreamMessage, "index" | "type" | "term">[] = [];
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) streamId = readNumber(reader);
    else if (reader.field === 2) openedIndex = readBigint(reader);
    else if (reader.field === 3) lastResponseId = readNumber(reader);
    else if (reader.field === 4) key = readKey(reader);
    else if (reader.field === 5) messages.push(readStreamMessage(reader));
    else failUnknown(reader, `field ${reader.field} of a stream`);
  }
  endMessage(reader, outer);
  return { streamId, openedIndex, lastResponseId, key, messages };
}

function readStreamMessage(reader: WireReader): Pick<StreamMessage, "index" | "type" | "term"> {
  let index = 0n;
  let number = 0;
  let term: TermView | undefined;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) index = readBigint(reader);
    else if (reader.field === 2) number = readNumber(reader);
    else if (reader.field === 3) term = readTerm(reader);
    else failUnknown(reader, `field ${reader.field} of a stream's message`);
  }
  endMessage(reader, outer);
  const type = MESSAGE_TYPES[number];
  if (type === undefined) failUnknown(reader, `message type ${number}`);
  return { index, type: type ?? "close", ...(term === undefined ? {} : { term }) };
}

/** S1's LeaderElectionSnapshot; its leader becomes the first of the list again. */
function readElectionState(reader: WireReader, record: ElectionRecord): void {
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) record.term = readBigint(reader);
    else if (reader.field === 2) record.candidates.unshift(readCandidate(reader));
    else if (reader.field === 3) record.candidates.push(readCandidate(reader));
    else failUnknown(reader, `field ${reader.field} of an election's state`);
  }
  endMessage(reader, outer);
}

function readCandidate(reader: WireReader): { name: string; sessionId: SessionId } {
  let name = "";
  let sessionId = 0n;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) name = readText(reader);
    else if (reader.field === 2) sessionId = readBigint(reader);
    else failUnknown(reader, `field ${reader.field} of a candidate`);
  }
  endMessage(reader, outer);
  return { name, sessionId };
}

function readCandidateMetadata(reader: WireReader, record: ElectionRecord): void {
  let position = 0;
  const metadata = new Map<string, string>();
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) position = readNumber(reader);
    else if (reader.field === 2) readTextPair(reader, metadata);
    else failUnknown(reader, `field ${reader.field} of a candidate's metadata`);
  }
  endMessage(reader, outer);
  record.metadata.set(position, metadata);
}
