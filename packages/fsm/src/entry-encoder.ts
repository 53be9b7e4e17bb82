// SPDX-License-Identifier: Apache-2.0
/**
 * Entries to bytes: conclave.log.v1.Entry. Equal entries have equal bytes.
 *
 * It checks nothing: a command out of its bounds is encoded as it is, and refused when it is applied.
 * Only text that is not well formed cannot be written; whoever proposes has refused it.
 */

import { unreachable } from "@conclave/base";
import type {
  AdminCommand,
  CandidateCommand,
  Command,
  ExpireSessions,
  LogEntry,
  OpenSession,
} from "./command.ts";
import type {
  AcknowledgeS0,
  AcknowledgeS1,
  CallOrder,
  DialectCall,
  DialectOperation,
  OpenIndexedSession,
  RestoreLatch,
} from "./dialect-command.ts";
import { writeMemberCommand } from "./member-codec.ts";
import { writeInput } from "./s1-input.ts";
import { writeKey } from "./wire-key.ts";
import {
  closeMessage,
  createWireWriter,
  openMessage,
  type WireWriter,
  writeBigint,
  writeBool,
  writeFixed64,
  writeNumber,
  writePackedNumbers,
  writePresentBigint,
  writePresentNumber,
  writePresentText,
  writeText,
  writeTextMap,
  writtenBytes,
} from "./wire-writer.ts";

/** The only version there is. A reader of another one refuses it. */
export const ENTRY_VERSION = 1;

export function encodeEntry(entry: LogEntry): Uint8Array<ArrayBuffer> {
  const writer = createWireWriter(64 + 80 * entry.commands.length);
  writeNumber(writer, 1, ENTRY_VERSION);
  writeNumber(writer, 2, entry.timeMs);
  for (const command of entry.commands) {
    const start = openMessage(writer, 3);
    writeCommand(writer, command);
    closeMessage(writer, start);
  }
  return writtenBytes(writer);
}

function writeCommand(writer: WireWriter, command: Command): void {
  switch (command.kind) {
    case "open-session":
      within(writer, 1, writeOpenSession, command);
      break;
    case "close-session":
      within(writer, 2, writeSessionId, command);
      break;
    case "expire-sessions":
      within(writer, 3, writeExpireSessions, command);
      break;
    case "enter":
    case "withdraw":
    case "update-metadata":
      within(writer, 4, writeCandidateCommand, command);
      break;
    case "anoint":
    case "promote":
    case "demote":
    case "evict":
    case "delete":
      within(writer, 5, writeAdminCommand, command);
      break;
    case "raise-level": {
      const start = openMessage(writer, 6);
      writeNumber(writer, 1, command.level);
      closeMessage(writer, start);
      break;
    }
    case "open-indexed-session":
      within(writer, 7, writeOpenIndexedSession, command);
      break;
    case "dialect-call":
      within(writer, 8, writeDialectCall, command);
      break;
    case "acknowledge-s0":
      within(writer, 9, writeAcknowledgeS0, command);
      break;
    case "acknowledge-s1":
      within(writer, 10, writeAcknowledgeS1, command);
      break;
    case "set-first-members":
    case "invite-member":
    case "put-member":
    case "remove-member":
      writeMemberCommand(writer, command);
      break;
    default:
      unreachable(command);
  }
}

function within<T>(
  writer: WireWriter,
  field: number,
  write: (writer: WireWriter, value: T) => void,
  value: T,
): void {
  const start = openMessage(writer, field);
  write(writer, value);
  closeMessage(writer, start);
}

function writeSessionId(writer: WireWriter, value: { readonly sessionId: bigint }): void {
  writeFixed64(writer, 1, value.sessionId);
}

function writeOpenSession(writer: WireWriter, command: OpenSession): void {
  writeFixed64(writer, 1, command.sessionId);
  writeNumber(writer, 2, command.ttlMs);
  writeNumber(writer, 3, command.graceMs);
  writeTextMap(writer, 4, command.labels);
  writeText(writer, 5, command.principal ?? "");
}

function writeExpireSessions(writer: WireWriter, command: ExpireSessions): void {
  for (const { sessionId, cause } of command.sessions) {
    const start = openMessage(writer, 1);
    writeFixed64(writer, 1, sessionId);
    writeBool(writer, 2, cause === "disconnected");
    closeMessage(writer, start);
  }
}

function writeCandidateCommand(writer: WireWriter, command: CandidateCommand): void {
  writeKey(writer, 1, command.key);
  const start = openMessage(writer, 2);
  writeFixed64(writer, 1, command.id.sessionId);
  writeNumber(writer, 2, command.id.number);
  writeNumber(writer, 3, command.id.acknowledged);
  closeMessage(writer, start);
  if (command.kind === "update-metadata") writeText(writer, 4, command.candidate);
  else writeInput(writer, 3, command.kind, command.candidate);
  if (command.kind !== "withdraw") writeTextMap(writer, 5, command.metadata);
  if (command.kind === "enter") writeBool(writer, 6, command.takeover);
}

function writeAdminCommand(writer: WireWriter, command: AdminCommand): void {
  const { ifRevision, reason, requestId } = command.options;
  writeKey(writer, 1, command.key);
  if (command.kind !== "delete") writeInput(writer, 2, command.kind, command.candidate);
  if (ifRevision !== undefined) writePresentBigint(writer, 3, ifRevision);
  writeText(writer, 4, reason);
  if (requestId !== undefined) writePresentText(writer, 5, requestId);
}

function writeOpenIndexedSession(writer: WireWriter, command: OpenIndexedSession): void {
  writeNumber(writer, 1, command.dialect === "s0" ? 1 : 2);
  writeNumber(writer, 2, command.ttlMs);
  writeText(writer, 3, command.principal ?? "");
}

function writeDialectCall(writer: WireWriter, call: DialectCall): void {
  writeFixed64(writer, 1, call.sessionId);
  writeKey(writer, 2, call.operation.key);
  writeOperation(writer, call.operation);
  writeOrder(writer, call.order);
}

const LIFECYCLES = { create: 1, close: 2, delete: 3, pass: 4 } as const;

function writeOperation(writer: WireWriter, operation: DialectOperation): void {
  switch (operation.kind) {
    case "create":
    case "close":
    case "delete":
    case "pass":
      writeNumber(writer, 4, LIFECYCLES[operation.kind]);
      break;
    case "events":
      writeInput(writer, 3, "watch", "");
      break;
    case "restore":
      within(writer, 5, writeRestore, operation);
      break;
    default:
      writeInput(writer, 3, operation.kind, operation.candidate);
  }
}

function writeRestore(writer: WireWriter, operation: RestoreLatch): void {
  writeBigint(writer, 1, operation.term);
  if (operation.leader !== undefined) writePresentText(writer, 2, operation.leader);
  for (const { candidate, sessionId, ttlMs } of operation.participants) {
    const start = openMessage(writer, 3);
    writeText(writer, 1, candidate);
    writeFixed64(writer, 2, sessionId);
    writeNumber(writer, 3, ttlMs);
    closeMessage(writer, start);
  }
}

function writeOrder(writer: WireWriter, order: CallOrder): void {
  switch (order.kind) {
    case "free":
      break;
    case "once":
      writePresentBigint(writer, 6, order.number);
      break;
    case "strict": {
      const start = openMessage(writer, 7);
      writeNumber(writer, 1, order.number);
      if (order.voidThrough !== undefined) writePresentNumber(writer, 2, order.voidThrough);
      closeMessage(writer, start);
      break;
    }
    case "set":
      writePresentNumber(writer, 8, order.number);
      break;
    default:
      unreachable(order);
  }
}

function writeAcknowledgeS0(writer: WireWriter, command: AcknowledgeS0): void {
  writeFixed64(writer, 1, command.sessionId);
  writeNumber(writer, 2, command.number);
  for (const { streamId, responseId } of command.streams) {
    const start = openMessage(writer, 3);
    writeNumber(writer, 1, streamId);
    writeNumber(writer, 2, responseId);
    closeMessage(writer, start);
  }
}

function writeAcknowledgeS1(writer: WireWriter, command: AcknowledgeS1): void {
  writeFixed64(writer, 1, command.sessionId);
  writeNumber(writer, 2, command.number);
  if (command.open.length > 0) writePackedNumbers(writer, 3, command.open);
}
