// SPDX-License-Identifier: Apache-2.0
/**
 * A partition to bytes: a sequence of conclave.log.v1.SnapshotChunk. Equal states have equal bytes,
 * which is also how states are compared.
 *
 * The state must not change while the chunks are being taken.
 */

import { createHash, type Hash, hashBytes, hashValue } from "./hash.ts";
import { textKey } from "./key.ts";
import { writeInvited, writeMember } from "./member-codec.ts";
import type { PartitionState } from "./partition.ts";
import type { Candidacy, Election, EventStream, Numbering, Session } from "./records.ts";
import { textsFrom } from "./sorted-texts.ts";
import { writeKey } from "./wire-key.ts";
import { writeReply, writeTerm } from "./wire-reply.ts";
import {
  closeMessage,
  createWireWriter,
  openMessage,
  type WireWriter,
  writeBigint,
  writeBool,
  writeFixed64,
  writeNumber,
  writePackedFixed64,
  writePackedNumbers,
  writePresentNumber,
  writeText,
  writeTextMap,
  writtenBytes,
} from "./wire-writer.ts";

/** The only version there is. A reader of another one refuses it. */
export const SNAPSHOT_VERSION = 1;

/**
 * A chunk is closed at this size. Whoever takes a snapshot in slices can rest between two chunks
 * only, and one of this size costs some 0.6 ms.
 */
const CHUNK_BYTES = 16_384;

const ENDED_A_RECORD = 2_048;

const NUMBERINGS: Readonly<Record<Numbering, number>> = { native: 1, s0: 2, s1: 3 };
const MESSAGE_TYPES = { open: 1, event: 2, close: 3 } as const;

/** The whole state in chunks of about 16 KiB; one record may make a chunk larger. */
export function* snapshot(
  state: PartitionState,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  const hash = createHash();
  let records = 0;
  let writer = beginChunk();
  writePartition(writer, state);
  for (const write of recordsOf(state)) {
    write(writer);
    records += 1;
    if (writer.length < CHUNK_BYTES) continue;
    yield finished(writer, hash);
    writer = beginChunk();
  }
  yield finished(writer, hash);
  yield endChunk(records, hash);
}

/** A hash of the whole state: replicas that have applied the same entries have the same. */
export function stateHash(state: PartitionState): bigint {
  const hash = createHash();
  for (const chunk of snapshot(state)) hashBytes(hash, chunk);
  return hashValue(hash);
}

type WriteRecord = (writer: WireWriter) => void;

/** In the order in which they can be read: an election needs the sessions of its candidates. */
function* recordsOf(state: PartitionState): Generator<WriteRecord> {
  for (const session of state.sessions.values()) {
    yield (writer) => writeSession(writer, session);
  }
  for (const text of textsFrom(state.keys, "")) {
    yield (writer) => writeElection(writer, state.elections.get(text)!);
  }
  for (const [text, { term, isFolded }] of state.tombstones) {
    yield (writer) => {
      const start = openMessage(writer, 5);
      writeKey(writer, 1, textKey(text));
      writeBigint(writer, 2, term);
      writeBool(writer, 3, isFolded);
      closeMessage(writer, start);
    };
  }
  const ended = [...state.endedSessions];
  for (let i = 0; i < ended.length; i += ENDED_A_RECORD) {
    yield (writer) => writePackedFixed64(writer, 6, ended.slice(i, i + ENDED_A_RECORD));
  }
  for (const [id, { content, reply }] of state.requestReplies) {
    yield (writer) => {
      const start = openMessage(writer, 7);
      writeText(writer, 1, id);
      writeText(writer, 2, content);
      writeReply(writer, 3, reply);
      closeMessage(writer, start);
    };
  }
}

function beginChunk(): WireWriter {
  const writer = createWireWriter(65_536);
  writeNumber(writer, 1, SNAPSHOT_VERSION);
  return writer;
}

function finished(writer: WireWriter, hash: Hash): Uint8Array<ArrayBuffer> {
  const bytes = writtenBytes(writer);
  hashBytes(hash, bytes);
  return bytes;
}

function endChunk(records: number, hash: Hash): Uint8Array<ArrayBuffer> {
  const writer = beginChunk();
  const start = openMessage(writer, 8);
  writeNumber(writer, 1, records);
  writeFixed64(writer, 2, hashValue(hash));
  closeMessage(writer, start);
  return writtenBytes(writer);
}

function writePartition(writer: WireWriter, state: PartitionState): void {
  const start = openMessage(writer, 2);
  writeBigint(writer, 1, state.revision);
  writeBigint(writer, 2, state.index);
  writeNumber(writer, 3, state.timeMs);
  writeNumber(writer, 4, state.level);
  writeBigint(writer, 5, state.termFloor);
  for (const member of state.members) writeMember(writer, 6, member);
  for (const invited of state.invited) writeInvited(writer, 7, invited);
  closeMessage(writer, start);
}

function writeSession(writer: WireWriter, session: Session): void {
  const { answers } = session;
  const start = openMessage(writer, 3);
  writeFixed64(writer, 1, session.id);
  writeNumber(writer, 2, NUMBERINGS[session.numbering]);
  writeNumber(writer, 3, session.ttlMs);
  writeNumber(writer, 4, session.graceMs);
  writeTextMap(writer, 5, session.labels);
  writeText(writer, 6, session.principal);
  writeBigint(writer, 7, session.officeRevision);
  writeNumber(writer, 8, answers.acknowledged);
  if (answers.open.size > 0) writePackedNumbers(writer, 9, answers.open);
  writeNumber(writer, 10, answers.last);
  for (const [number, reply] of answers.replies) {
    const inner = openMessage(writer, 11);
    writeNumber(writer, 1, number);
    writeReply(writer, 2, reply);
    closeMessage(writer, inner);
  }
  for (const [createdIndex, key] of session.bound) {
    const inner = openMessage(writer, 12);
    writeBigint(writer, 1, createdIndex);
    writeKey(writer, 2, key);
    closeMessage(writer, inner);
  }
  for (const stream of session.streams.values()) writeStream(writer, stream);
  closeMessage(writer, start);
}

function writeStream(writer: WireWriter, stream: EventStream): void {
  const start = openMessage(writer, 13);
  writeNumber(writer, 1, stream.streamId);
  writeBigint(writer, 2, stream.openedIndex);
  writeNumber(writer, 3, stream.lastResponseId);
  if (stream.election !== undefined) writeKey(writer, 4, stream.election.key);
  for (const message of stream.messages) {
    const inner = openMessage(writer, 5);
    writeBigint(writer, 1, message.index);
    writeNumber(writer, 2, MESSAGE_TYPES[message.type]);
    if (message.term !== undefined) writeTerm(writer, 3, message.term);
    closeMessage(writer, inner);
  }
  closeMessage(writer, start);
}

function writeElection(writer: WireWriter, election: Election): void {
  const start = openMessage(writer, 4);
  writeKey(writer, 1, election.key);
  writeElectionState(writer, election);
  writeBigint(writer, 3, election.createdIndex);
  writeBigint(writer, 4, election.createdRevision);
  writeBigint(writer, 5, election.revision);
  writeBool(writer, 6, election.isLed);
  if (election.sinceMs !== undefined) writePresentNumber(writer, 7, election.sinceMs);
  if (election.changedMs !== undefined) writePresentNumber(writer, 8, election.changedMs);
  writeBigint(writer, 9, election.idleIndex);
  for (const [position, { view }] of election.queue.entries()) {
    if (view.metadata.size === 0) continue;
    const inner = openMessage(writer, 10);
    writeNumber(writer, 1, position);
    writeTextMap(writer, 2, view.metadata);
    closeMessage(writer, inner);
  }
  closeMessage(writer, start);
}

/** S1's LeaderElectionSnapshot: the leader apart, the candidates without it. */
function writeElectionState(writer: WireWriter, election: Election): void {
  const start = openMessage(writer, 2);
  writeBigint(writer, 1, election.term);
  for (const [position, candidacy] of election.queue.entries()) {
    writeCandidate(writer, position === 0 ? 2 : 3, candidacy);
  }
  closeMessage(writer, start);
}

function writeCandidate(writer: WireWriter, field: number, { view }: Candidacy): void {
  const start = openMessage(writer, field);
  writeText(writer, 1, view.name);
  writeBigint(writer, 2, view.sessionId);
  closeMessage(writer, start);
}
