// SPDX-License-Identifier: Apache-2.0
/**
 * Bytes to entries. What this version does not know is answered with a value that stops the replica:
 * an entry that others apply is never skipped (design section 2).
 */

import type {
  AdminCommand,
  AdminOptions,
  CandidateCommand,
  Command,
  CommandId,
  ExpiredSession,
  LogEntry,
} from "./command.ts";
import { readDialectCommand } from "./dialect-decoder.ts";
import { ENTRY_VERSION } from "./entry-encoder.ts";
import type { PrimitiveKey } from "./key.ts";
import { readMemberCommand } from "./member-codec.ts";
import { type ElectionInput, readInput } from "./s1-input.ts";
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
  readText,
  readTextPair,
  type WireFault,
  type WireReader,
} from "./wire-reader.ts";

export type DecodedEntry =
  | { readonly kind: "entry"; readonly entry: LogEntry }
  /** `unknown`: a newer version wrote it. `damaged`: none did. Either stops the replica. */
  | WireFault;

/** The highest level of entries that this version understands. */
export const LEVEL_MAX = 1;

export function decodeEntry(bytes: Uint8Array): DecodedEntry {
  const reader = createWireReader(bytes);
  let version = 0;
  let timeMs = 0;
  const commands: Command[] = [];
  while (nextField(reader)) {
    if (reader.field === 1) {
      version = readNumber(reader);
      if (version !== ENTRY_VERSION) failUnknown(reader, `entry version ${version}`);
    } else if (reader.field === 2) timeMs = readNumber(reader);
    else if (reader.field === 3) readCommand(reader, commands);
    else failUnknown(reader, `field ${reader.field} of an entry`);
  }
  if (version === 0) failDamaged(reader, "an entry without a version");
  return reader.fault ?? { kind: "entry", entry: { timeMs, commands } };
}

function readCommand(reader: WireReader, commands: Command[]): void {
  const outer = beginMessage(reader);
  const before = commands.length;
  while (nextField(reader)) {
    const command = readCommandField(reader);
    if (command !== undefined) commands.push(command);
    else failUnknown(reader, `command ${reader.field}`);
  }
  endMessage(reader, outer);
  if (commands.length !== before + 1)
    failDamaged(reader, "a command that is none, or more than one");
}

function readCommandField(reader: WireReader): Command | undefined {
  switch (reader.field) {
    case 1:
      return readOpenSession(reader);
    case 2:
      return { kind: "close-session", sessionId: readOnlySessionId(reader) };
    case 3:
      return readExpireSessions(reader);
    case 4:
      return readCandidateCommand(reader);
    case 5:
      return readAdminCommand(reader);
    case 6:
      return readRaiseLevel(reader);
    default:
      return readDialectCommand(reader) ?? readMemberCommand(reader);
  }
}

function readOnlySessionId(reader: WireReader): bigint {
  let sessionId = 0n;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) sessionId = readFixed64(reader);
    else failUnknown(reader, `field ${reader.field} of a session's end`);
  }
  endMessage(reader, outer);
  return sessionId;
}

function readOpenSession(reader: WireReader): Command {
  let sessionId = 0n;
  let ttlMs = 0;
  let graceMs = 0;
  let principal = "";
  const labels = new Map<string, string>();
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) sessionId = readFixed64(reader);
    else if (reader.field === 2) ttlMs = readNumber(reader);
    else if (reader.field === 3) graceMs = readNumber(reader);
    else if (reader.field === 4) readTextPair(reader, labels);
    else if (reader.field === 5) principal = readText(reader);
    else failUnknown(reader, `field ${reader.field} of an opening`);
  }
  endMessage(reader, outer);
  const command = { kind: "open-session", sessionId, ttlMs, graceMs, labels } as const;
  return principal === "" ? command : { ...command, principal };
}

function readExpireSessions(reader: WireReader): Command {
  const sessions: ExpiredSession[] = [];
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) sessions.push(readExpiredSession(reader));
    else failUnknown(reader, `field ${reader.field} of an expiry`);
  }
  endMessage(reader, outer);
  return { kind: "expire-sessions", sessions };
}

function readExpiredSession(reader: WireReader): ExpiredSession {
  let sessionId = 0n;
  let isDisconnected = false;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) sessionId = readFixed64(reader);
    else if (reader.field === 2) isDisconnected = readBool(reader);
    else failUnknown(reader, `field ${reader.field} of an expired session`);
  }
  endMessage(reader, outer);
  return { sessionId, cause: isDisconnected ? "disconnected" : "expired" };
}

function readCandidateCommand(reader: WireReader): CandidateCommand | undefined {
  let key: PrimitiveKey | undefined;
  let id: CommandId | undefined;
  let input: ElectionInput | undefined;
  let update = "";
  let takeover = false;
  const metadata = new Map<string, string>();
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) key = readKey(reader);
    else if (reader.field === 2) id = readCommandId(reader);
    else if (reader.field === 3) input = readInput(reader);
    else if (reader.field === 4) update = readText(reader);
    else if (reader.field === 5) readTextPair(reader, metadata);
    else if (reader.field === 6) takeover = readBool(reader);
    else failUnknown(reader, `field ${reader.field} of a candidate's command`);
  }
  endMessage(reader, outer);
  if (key === undefined || id === undefined) {
    failDamaged(reader, "a candidate's command without its key or id");
    return undefined;
  }
  if (input === undefined) return { kind: "update-metadata", key, candidate: update, metadata, id };
  const { verb, candidate } = input;
  if (verb === "enter") return { kind: "enter", key, candidate, metadata, takeover, id };
  if (verb === "withdraw") return { kind: "withdraw", key, candidate, id };
  failUnknown(reader, `candidate's command ${verb}`);
  return undefined;
}

function readCommandId(reader: WireReader): CommandId {
  let sessionId = 0n;
  let number = 0;
  let acknowledged = 0;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) sessionId = readFixed64(reader);
    else if (reader.field === 2) number = readNumber(reader);
    else if (reader.field === 3) acknowledged = readNumber(reader);
    else failUnknown(reader, `field ${reader.field} of a command's id`);
  }
  endMessage(reader, outer);
  return { sessionId, number, acknowledged };
}

function readAdminCommand(reader: WireReader): AdminCommand | undefined {
  let key: PrimitiveKey | undefined;
  let input: ElectionInput | undefined;
  let ifRevision: bigint | undefined;
  let reason = "";
  let requestId: string | undefined;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) key = readKey(reader);
    else if (reader.field === 2) input = readInput(reader);
    else if (reader.field === 3) ifRevision = readBigint(reader);
    else if (reader.field === 4) reason = readText(reader);
    else if (reader.field === 5) requestId = readText(reader);
    else failUnknown(reader, `field ${reader.field} of an operator's command`);
  }
  endMessage(reader, outer);
  if (key === undefined) {
    failDamaged(reader, "an operator's command without its key");
    return undefined;
  }
  const options: AdminOptions = {
    reason,
    ...(ifRevision === undefined ? {} : { ifRevision }),
    ...(requestId === undefined ? {} : { requestId }),
  };
  if (input === undefined) return { kind: "delete", key, options };
  return steerOf(reader, key, input, options);
}

function steerOf(
  reader: WireReader,
  key: PrimitiveKey,
  input: ElectionInput,
  options: AdminOptions,
): AdminCommand | undefined {
  const { verb, candidate } = input;
  switch (verb) {
    case "anoint":
    case "promote":
    case "demote":
    case "evict":
      return { kind: verb, key, candidate, options };
    default:
      failUnknown(reader, `operator's command ${verb}`);
      return undefined;
  }
}

function readRaiseLevel(reader: WireReader): Command {
  let level = 0;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) level = readNumber(reader);
    else failUnknown(reader, `field ${reader.field} of a level`);
  }
  endMessage(reader, outer);
  if (level > LEVEL_MAX) failUnknown(reader, `level ${level}`);
  return { kind: "raise-level", level };
}
