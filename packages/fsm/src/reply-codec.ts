// SPDX-License-Identifier: Apache-2.0
/**
 * Replies as bytes, for the way from the node that leads to the node that asked:
 * conclave.log.v1.Replies. Nothing of it is ever in a log or a snapshot.
 */

import { unreachable } from "@conclave/base";
import type { MemberRefusal, Reply } from "./reply.ts";
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
  readText,
  type WireFault,
  type WireReader,
} from "./wire-reader.ts";
import { readReply, writeReply } from "./wire-reply.ts";
import {
  closeMessage,
  createWireWriter,
  openMessage,
  type WireWriter,
  writeBigint,
  writeBool,
  writeFixed64,
  writeNumber,
  writeText,
  writtenBytes,
} from "./wire-writer.ts";

export type DecodedReplies =
  | { readonly kind: "replies"; readonly replies: readonly Reply[] }
  /** `unknown`: a newer version wrote them. `damaged`: none did. */
  | WireFault;

export function encodeReplies(replies: readonly Reply[]): Uint8Array<ArrayBuffer> {
  const writer = createWireWriter(16 + 32 * replies.length);
  for (const reply of replies) {
    const start = openMessage(writer, 1);
    writeAny(writer, reply);
    closeMessage(writer, start);
  }
  return writtenBytes(writer);
}

export function decodeReplies(bytes: Uint8Array): DecodedReplies {
  const reader = createWireReader(bytes);
  const replies: Reply[] = [];
  while (nextField(reader)) {
    const reply = reader.field === 1 ? readAny(reader) : undefined;
    if (reply === undefined) failUnknown(reader, `field ${reader.field} of replies`);
    else replies.push(reply);
  }
  return reader.fault ?? { kind: "replies", replies };
}

function writeAny(writer: WireWriter, reply: Reply): void {
  switch (reply.kind) {
    case "done":
    case "dialect-done":
      writeReply(writer, 1, reply);
      writeBool(writer, 9, reply.replayed);
      break;
    case "refused":
      writeReply(writer, 1, reply);
      break;
    default: {
      const start = openMessage(writer, FIELDS[reply.kind]);
      writeOwn(writer, reply);
      closeMessage(writer, start);
    }
  }
}

type OwnReply = Exclude<Reply, { readonly kind: "done" | "dialect-done" | "refused" }>;

const FIELDS: Readonly<Record<OwnReply["kind"], number>> = {
  "session-opened": 2,
  "session-closed": 3,
  "sessions-expired": 4,
  acknowledged: 5,
  "level-raised": 6,
  "members-changed": 7,
  "members-refused": 8,
};

function writeOwn(writer: WireWriter, reply: OwnReply): void {
  switch (reply.kind) {
    case "session-opened":
      writeFixed64(writer, 1, reply.sessionId);
      writeBigint(writer, 2, reply.index);
      writeBool(writer, 3, reply.already);
      break;
    case "session-closed":
      writeBigint(writer, 1, reply.index);
      writeBool(writer, 2, reply.already);
      break;
    case "sessions-expired":
      writeNumber(writer, 1, reply.ended);
      break;
    case "acknowledged":
      writeBigint(writer, 1, reply.index);
      break;
    case "level-raised":
      writeNumber(writer, 1, reply.level);
      break;
    case "members-changed":
      writeBool(writer, 1, reply.already);
      break;
    case "members-refused":
      writeText(writer, 1, reply.reason);
      break;
    default:
      unreachable(reply);
  }
}

function readAny(reader: WireReader): Reply | undefined {
  let reply: Reply | undefined;
  let replayed = false;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) reply = readReply(reader);
    else if (reader.field === 9) replayed = readBool(reader);
    else reply = readOwn(reader);
  }
  endMessage(reader, outer);
  if (reply === undefined) failDamaged(reader, "a reply that says nothing");
  if (reply?.kind !== "done" && reply?.kind !== "dialect-done") return reply;
  return replayed ? { ...reply, replayed } : reply;
}

/** What the members of the own replies hold, each under its number; absent ones are zero. */
interface OwnFields {
  first: bigint;
  second: bigint;
  third: bigint;
  text: string;
}

function readOwn(reader: WireReader): OwnReply | undefined {
  const { field } = reader;
  const { first, second, third, text } = readOwnFields(reader);
  switch (field) {
    case 2:
      return { kind: "session-opened", sessionId: first, index: second, already: third !== 0n };
    case 3:
      return { kind: "session-closed", index: first, already: second !== 0n };
    case 4:
      return { kind: "sessions-expired", ended: Number(first) };
    case 5:
      return { kind: "acknowledged", index: first };
    case 6:
      return { kind: "level-raised", level: Number(first) };
    case 7:
      return { kind: "members-changed", already: first !== 0n };
    case 8:
      if (isMemberRefusal(text)) return { kind: "members-refused", reason: text };
      failUnknown(reader, `refusal ${text}`);
      return undefined;
    default:
      failUnknown(reader, `reply ${field}`);
      return undefined;
  }
}

function readOwnFields(reader: WireReader): OwnFields {
  const isSession = reader.field === 2;
  const isRefusal = reader.field === 8;
  const fields: OwnFields = { first: 0n, second: 0n, third: 0n, text: "" };
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1 && isSession) fields.first = readFixed64(reader);
    else if (reader.field === 1 && isRefusal) fields.text = readText(reader);
    else if (reader.field === 1) fields.first = readBigint(reader);
    else if (reader.field === 2) fields.second = readBigint(reader);
    else if (reader.field === 3) fields.third = readBigint(reader);
    else failUnknown(reader, `field ${reader.field} of a reply`);
  }
  endMessage(reader, outer);
  return fields;
}

/** Every reason, so that one of a newer version is found out. A missing one does not compile. */
const MEMBER_REFUSALS: Readonly<Record<MemberRefusal, true>> = {
  member_exists: true,
  address_taken: true,
  too_many_members: true,
  no_such_member: true,
  last_member: true,
  no_members: true,
};

function isMemberRefusal(text: string): text is MemberRefusal {
  return Object.hasOwn(MEMBER_REFUSALS, text);
}
