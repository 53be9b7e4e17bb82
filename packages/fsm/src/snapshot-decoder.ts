// SPDX-License-Identifier: Apache-2.0
/**
 * Bytes to a partition: `restore(snapshot(s))` equals `s`.
 *
 * What is damaged or of a newer version is refused with a value. A state that the bytes hold soundly
 * but that breaks a rule is our own bug, and is asserted.
 */

import { createHash, type Hash, hashBytes, hashValue } from "./hash.ts";
import { assertPartitionValid } from "./invariants.ts";
import { keyText } from "./key.ts";
import type { Limits } from "./limits.ts";
import { readInvited, readMember } from "./member-codec.ts";
import { createPartition, type PartitionState } from "./partition.ts";
import { SNAPSHOT_VERSION } from "./snapshot-encoder.ts";
import { linkRecords, type RestoredRecords } from "./snapshot-links.ts";
import { readElection, readSession } from "./snapshot-records.ts";
import { readKey } from "./wire-key.ts";
import {
  beginMessage,
  createWireReader,
  endMessage,
  failDamaged,
  failUnknown,
  nextField,
  readBigint,
  readBool,
  readFixed64,
  readNumber,
  readPackedFixed64,
  readText,
  type WireFault,
  type WireReader,
} from "./wire-reader.ts";
import { readReply } from "./wire-reply.ts";

export type Restored =
  | { readonly kind: "restored"; readonly state: PartitionState }
  | {
      readonly kind: "refused";
      readonly reason: "unknown_version" | "damaged";
      readonly detail: string;
    };

/** The state that a snapshot holds. Limits are not part of it; pass what the partition had. */
export function restore(
  chunks: Iterable<Uint8Array>,
  options: { readonly limits?: Partial<Limits> } = {},
): Restored {
  const loading: Loading = {
    state: createPartition(options),
    records: { elections: [], sessions: [] },
    count: 0,
    hash: createHash(),
    isBegun: false,
    isEnded: false,
  };
  for (const chunk of chunks) {
    const fault = loadChunk(loading, chunk);
    if (fault !== undefined) return refusedFor(fault);
  }
  if (!loading.isEnded) return refusedFor({ kind: "damaged", what: "a snapshot without its end" });
  if (!linkRecords(loading.state, loading.records)) {
    return refusedFor({ kind: "damaged", what: "a record that refers to none" });
  }
  assertPartitionValid(loading.state);
  return { kind: "restored", state: loading.state };
}

interface Loading {
  readonly state: PartitionState;
  readonly records: RestoredRecords;
  count: number;
  readonly hash: Hash;
  isBegun: boolean;
  isEnded: boolean;
}

function refusedFor(fault: WireFault): Restored {
  const reason = fault.kind === "unknown" ? "unknown_version" : "damaged";
  return { kind: "refused", reason, detail: fault.what };
}

function loadChunk(loading: Loading, chunk: Uint8Array): WireFault | undefined {
  const reader = createWireReader(chunk);
  if (loading.isEnded) failDamaged(reader, "a chunk after the end");
  const countBefore = loading.count;
  let version = 0;
  while (nextField(reader)) {
    if (reader.field === 1) {
      version = readNumber(reader);
      if (version !== SNAPSHOT_VERSION) failUnknown(reader, `snapshot version ${version}`);
    } else if (version === 0) failDamaged(reader, "a chunk that does not begin with its version");
    else loadField(loading, reader);
  }
  if (version === 0) failDamaged(reader, "a chunk without a version");
  if (!loading.isEnded) hashBytes(loading.hash, chunk);
  else if (loading.count > countBefore) failDamaged(reader, "a record beside the end");
  return reader.fault;
}

function loadField(loading: Loading, reader: WireReader): void {
  if (reader.field === 2) {
    if (loading.isBegun) failDamaged(reader, "a second beginning");
    loading.isBegun = true;
    loadPartition(loading.state, reader);
    return;
  }
  if (!loading.isBegun) failDamaged(reader, "a snapshot without its beginning");
  if (reader.field === 8) {
    loadEnd(loading, reader);
    return;
  }
  loading.count += 1;
  if (reader.field === 3) loading.records.sessions.push(readSession(reader));
  else if (reader.field === 4) loading.records.elections.push(readElection(reader));
  else if (reader.field === 5) loadTombstone(loading.state, reader);
  else if (reader.field === 6) {
    for (const id of readPackedFixed64(reader)) loading.state.endedSessions.add(id);
  } else if (reader.field === 7) loadRequestReply(loading.state, reader);
  else failUnknown(reader, `field ${reader.field} of a snapshot`);
}

function loadEnd(loading: Loading, reader: WireReader): void {
  let records = 0;
  let hash = 0n;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) records = readNumber(reader);
    else if (reader.field === 2) hash = readFixed64(reader);
    else failUnknown(reader, `field ${reader.field} of a snapshot's end`);
  }
  endMessage(reader, outer);
  const isWhole = records === loading.count && hash === hashValue(loading.hash);
  if (!isWhole) failDamaged(reader, "a snapshot whose hash is another");
  loading.isEnded = true;
}

function loadPartition(state: PartitionState, reader: WireReader): void {
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) state.revision = readBigint(reader);
    else if (reader.field === 2) state.index = readBigint(reader);
    else if (reader.field === 3) state.timeMs = readNumber(reader);
    else if (reader.field === 4) state.level = readNumber(reader);
    else if (reader.field === 5) state.termFloor = readBigint(reader);
    else if (reader.field === 6) state.members = [...state.members, readMember(reader)];
    else if (reader.field === 7) state.invited = [...state.invited, readInvited(reader)];
    else failUnknown(reader, `field ${reader.field} of a partition`);
  }
  endMessage(reader, outer);
}

function loadTombstone(state: PartitionState, reader: WireReader): void {
  let text = "";
  let term = 0n;
  let isFolded = false;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) text = keyText(readKey(reader));
    else if (reader.field === 2) term = readBigint(reader);
    else if (reader.field === 3) isFolded = readBool(reader);
    else failUnknown(reader, `field ${reader.field} of a tombstone`);
  }
  endMessage(reader, outer);
  state.tombstones.set(text, { term, isFolded });
}

function loadRequestReply(state: PartitionState, reader: WireReader): void {
  let id = "";
  let content = "";
  let reply: ReturnType<typeof readReply>;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) id = readText(reader);
    else if (reader.field === 2) content = readText(reader);
    else if (reader.field === 3) reply = readReply(reader);
    else failUnknown(reader, `field ${reader.field} of a kept reply`);
  }
  endMessage(reader, outer);
  if (reply === undefined) failDamaged(reader, "a kept reply without the reply");
  else state.requestReplies.set(id, { content, reply });
}
