// SPDX-License-Identifier: Apache-2.0
/** Bytes to the commands of the dialects: the part of entry-decoder.ts that S0 to S4 need. */

import type {
  CallOrder,
  DialectCommand,
  DialectOperation,
  RestoredParticipant,
  RestoreLatch,
} from "./dialect-command.ts";
import type { PrimitiveKey } from "./key.ts";
import { type ElectionInput, readInput } from "./s1-input.ts";
import { readKey } from "./wire-key.ts";
import {
  beginMessage,
  endMessage,
  failDamaged,
  failUnknown,
  nextField,
  readBigint,
  readFixed64,
  readNumber,
  readPackedNumbers,
  readText,
  type WireReader,
} from "./wire-reader.ts";

/** The command in the present field, or undefined where that is none of these. */
export function readDialectCommand(reader: WireReader): DialectCommand | undefined {
  switch (reader.field) {
    case 7:
      return readOpenIndexedSession(reader);
    case 8:
      return readDialectCall(reader);
    case 9:
      return readAcknowledgeS0(reader);
    case 10:
      return readAcknowledgeS1(reader);
    default:
      return undefined;
  }
}

function readOpenIndexedSession(reader: WireReader): DialectCommand {
  let dialect = 0;
  let ttlMs = 0;
  let principal = "";
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) dialect = readNumber(reader);
    else if (reader.field === 2) ttlMs = readNumber(reader);
    else if (reader.field === 3) principal = readText(reader);
    else failUnknown(reader, `field ${reader.field} of an indexed opening`);
  }
  endMessage(reader, outer);
  if (dialect !== 1 && dialect !== 2) failUnknown(reader, `dialect ${dialect}`);
  return {
    kind: "open-indexed-session",
    dialect: dialect === 1 ? "s0" : "s1",
    ttlMs,
    ...(principal === "" ? {} : { principal }),
  };
}

/** The parts of a call that its operation is made of, as they are found. */
interface OperationParts {
  key: PrimitiveKey | undefined;
  input: ElectionInput | undefined;
  lifecycle: number;
  restore: Omit<RestoreLatch, "key"> | undefined;
}

function readDialectCall(reader: WireReader): DialectCommand | undefined {
  let sessionId = 0n;
  let order: CallOrder = { kind: "free" };
  const parts: OperationParts = {
    key: undefined,
    input: undefined,
    lifecycle: 0,
    restore: undefined,
  };
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) sessionId = readFixed64(reader);
    else if (reader.field === 2) parts.key = readKey(reader);
    else if (reader.field === 3) parts.input = readInput(reader);
    else if (reader.field === 4) parts.lifecycle = readNumber(reader);
    else if (reader.field === 5) parts.restore = readRestore(reader);
    else if (reader.field === 6) order = { kind: "once", number: readBigint(reader) };
    else if (reader.field === 7) order = readStrictOrder(reader);
    else if (reader.field === 8) order = { kind: "set", number: readNumber(reader) };
    else failUnknown(reader, `field ${reader.field} of a call`);
  }
  endMessage(reader, outer);
  const operation = operationOf(reader, parts);
  return operation && { kind: "dialect-call", sessionId, order, operation };
}

const LIFECYCLES = ["create", "close", "delete", "pass"] as const;

function operationOf(reader: WireReader, parts: OperationParts): DialectOperation | undefined {
  const { key, input, lifecycle, restore } = parts;
  if (key === undefined) {
    failDamaged(reader, "a call without its key");
    return undefined;
  }
  if (restore !== undefined) return { ...restore, key };
  if (input?.verb === "watch") return { kind: "events", key };
  if (input !== undefined) return { kind: input.verb, key, candidate: input.candidate };
  const kind = LIFECYCLES[lifecycle - 1];
  if (kind === undefined) failUnknown(reader, `lifecycle ${lifecycle}`);
  return kind && { kind, key };
}

function readStrictOrder(reader: WireReader): CallOrder {
  let number = 0;
  let voidThrough: number | undefined;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) number = readNumber(reader);
    else if (reader.field === 2) voidThrough = readNumber(reader);
    else failUnknown(reader, `field ${reader.field} of a number`);
  }
  endMessage(reader, outer);
  return { kind: "strict", number, ...(voidThrough === undefined ? {} : { voidThrough }) };
}

function readRestore(reader: WireReader): Omit<RestoreLatch, "key"> {
  let term = 0n;
  let leader: string | undefined;
  const participants: RestoredParticipant[] = [];
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) term = readBigint(reader);
    else if (reader.field === 2) leader = readText(reader);
    else if (reader.field === 3) participants.push(readParticipant(reader));
    else failUnknown(reader, `field ${reader.field} of a restore`);
  }
  endMessage(reader, outer);
  return { kind: "restore", term, ...(leader === undefined ? {} : { leader }), participants };
}

function readParticipant(reader: WireReader): RestoredParticipant {
  let candidate = "";
  let sessionId = 0n;
  let ttlMs = 0;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) candidate = readText(reader);
    else if (reader.field === 2) sessionId = readFixed64(reader);
    else if (reader.field === 3) ttlMs = readNumber(reader);
    else failUnknown(reader, `field ${reader.field} of a participant`);
  }
  endMessage(reader, outer);
  return { candidate, sessionId, ttlMs };
}

function readAcknowledgeS0(reader: WireReader): DialectCommand {
  let sessionId = 0n;
  let number = 0;
  const streams: { streamId: number; responseId: number }[] = [];
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) sessionId = readFixed64(reader);
    else if (reader.field === 2) number = readNumber(reader);
    else if (reader.field === 3) streams.push(readStreamPosition(reader));
    else failUnknown(reader, `field ${reader.field} of an acknowledgement`);
  }
  endMessage(reader, outer);
  return { kind: "acknowledge-s0", sessionId, number, streams };
}

function readStreamPosition(reader: WireReader): { streamId: number; responseId: number } {
  let streamId = 0;
  let responseId = 0;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) streamId = readNumber(reader);
    else if (reader.field === 2) responseId = readNumber(reader);
    else failUnknown(reader, `field ${reader.field} of a stream's position`);
  }
  endMessage(reader, outer);
  return { streamId, responseId };
}

function readAcknowledgeS1(reader: WireReader): DialectCommand {
  let sessionId = 0n;
  let number = 0;
  const open: number[] = [];
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) sessionId = readFixed64(reader);
    else if (reader.field === 2) number = readNumber(reader);
    else if (reader.field === 3) for (const n of readPackedNumbers(reader)) open.push(n);
    else failUnknown(reader, `field ${reader.field} of an acknowledgement`);
  }
  endMessage(reader, outer);
  return { kind: "acknowledge-s1", sessionId, number, open };
}
