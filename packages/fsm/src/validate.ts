// SPDX-License-Identifier: Apache-2.0
/**
 * Whether the fields of a command keep to their bounds. What a client may have sent wrong is refused
 * here, so that the rest of the machine sees only what can be.
 *
 * It looks at the command and the limits alone, so a retry is refused in the same way.
 */

import { unreachable } from "@conclave/base";
import type { AdminOptions, Command, CommandId, Metadata, OpenSession } from "./command.ts";
import type { CallOrder, DialectCall, RestoredParticipant } from "./dialect-command.ts";
import { metadataBytes } from "./election.ts";
import type { PrimitiveKey } from "./key.ts";
import type { Limits } from "./limits.ts";
import type { Refused } from "./reply.ts";
import { isName, isText, utf8Length } from "./text.ts";

type Problem = Refused | undefined;

const UINT64_MAX = (1n << 64n) - 1n;

/** The first field out of its bounds, or undefined. */
export function checkCommand(limits: Limits, command: Command): Problem {
  switch (command.kind) {
    case "open-session":
      return checkOpenSession(limits, command);
    case "close-session":
    case "expire-sessions":
      return undefined;
    case "enter":
    case "update-metadata":
      return (
        checkKey(limits, command.key) ??
        checkCandidate(limits, command.candidate) ??
        checkId(command.id) ??
        checkMetadata(limits, command.metadata)
      );
    case "withdraw":
      return (
        checkKey(limits, command.key) ??
        checkCandidate(limits, command.candidate) ??
        checkId(command.id)
      );
    case "anoint":
    case "promote":
    case "demote":
    case "evict":
      return (
        checkKey(limits, command.key) ??
        checkCandidate(limits, command.candidate) ??
        checkOptions(limits, command.options)
      );
    case "delete":
      return checkKey(limits, command.key) ?? checkOptions(limits, command.options);
    case "raise-level":
      return checkInteger("level", command.level, 1, Number.MAX_SAFE_INTEGER);
    case "open-indexed-session":
      return checkTtl(limits, "ttlMs", command.ttlMs);
    case "dialect-call":
      return checkDialectCall(limits, command);
    case "acknowledge-s0":
      return (
        checkInteger("number", command.number, 0, Number.MAX_SAFE_INTEGER) ??
        checkCount("streams", command.streams.length, limits.streamsPerSessionMax)
      );
    case "acknowledge-s1":
      return (
        checkInteger("number", command.number, 0, Number.MAX_SAFE_INTEGER) ??
        checkCount("open", command.open.length, limits.unacknowledgedPerSessionMax)
      );
    default:
      return unreachable(command);
  }
}

function checkOpenSession(limits: Limits, command: OpenSession): Problem {
  const { sessionId, graceMs, ttlMs, labels } = command;
  return (
    checkSessionId("sessionId", sessionId) ??
    checkTtl(limits, "ttlMs", ttlMs) ??
    checkInteger("graceMs", graceMs, 0, ttlMs) ??
    checkCount("labels", labels.size, limits.labelsMax) ??
    checkLabels(limits, labels)
  );
}

function checkLabels(limits: Limits, labels: Metadata): Problem {
  for (const [key, value] of labels) {
    if (!isText(key, limits.labelBytesMax) || !isText(value, limits.labelBytesMax)) {
      return invalid("labels", `keys and values of at most ${limits.labelBytesMax} bytes of UTF-8`);
    }
  }
  return undefined;
}

function checkDialectCall(limits: Limits, call: DialectCall): Problem {
  const { operation } = call;
  const problem = checkKey(limits, operation.key, "operation.key") ?? checkOrder(call.order);
  if (problem !== undefined) return problem;
  switch (operation.kind) {
    case "create":
    case "close":
    case "delete":
      return undefined;
    case "events":
      return call.order.kind === "strict" ? undefined : invalid("order", "a number of S0");
    case "restore":
      return checkParticipants(limits, operation.participants);
    default:
      return checkCandidate(limits, operation.candidate, "operation.candidate");
  }
}

function checkOrder(order: CallOrder): Problem {
  switch (order.kind) {
    case "free":
    case "once":
      return undefined;
    case "set":
      return checkInteger("order.number", order.number, 1, Number.MAX_SAFE_INTEGER);
    case "strict":
      return (
        checkInteger("order.number", order.number, 1, Number.MAX_SAFE_INTEGER) ??
        checkInteger("order.voidThrough", order.voidThrough ?? 0, 0, order.number - 1)
      );
    default:
      return unreachable(order);
  }
}

function checkParticipants(limits: Limits, participants: readonly RestoredParticipant[]): Problem {
  for (const { candidate, sessionId, ttlMs } of participants) {
    const problem =
      checkCandidate(limits, candidate, "operation.participants.candidate") ??
      checkSessionId("operation.participants.sessionId", sessionId) ??
      checkTtl(limits, "operation.participants.ttlMs", ttlMs);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function checkKey(limits: Limits, key: PrimitiveKey, path = "key"): Problem {
  const { nameBytesMax } = limits;
  if (!isName(key.name, nameBytesMax)) return invalidName(limits, `${path}.name`);
  if (!isName(key.namespace, nameBytesMax)) return invalidName(limits, `${path}.namespace`);
  return undefined;
}

function checkCandidate(limits: Limits, candidate: string, path = "candidate"): Problem {
  return isName(candidate, limits.nameBytesMax) ? undefined : invalidName(limits, path);
}

function checkId(id: CommandId): Problem {
  if (!Number.isSafeInteger(id.number) || id.number < 1) {
    return invalid("id.number", `1 to ${Number.MAX_SAFE_INTEGER}`);
  }
  const isBelow = Number.isSafeInteger(id.acknowledged) && id.acknowledged < id.number;
  if (!isBelow || id.acknowledged < 0) {
    return invalid("id.acknowledged", "from 0 and below the number of the command");
  }
  return undefined;
}

function checkMetadata(limits: Limits, metadata: Metadata): Problem {
  if (metadata.size === 0) return undefined;
  let isWellFormed = true;
  for (const [key, value] of metadata) {
    if (utf8Length(key) < 0 || utf8Length(value) < 0) isWellFormed = false;
  }
  if (isWellFormed && metadataBytes(metadata) <= limits.metadataBytesMax) return undefined;
  return invalid("metadata", `at most ${limits.metadataBytesMax} bytes of UTF-8`);
}

function checkOptions(limits: Limits, options: AdminOptions): Problem {
  if (!isText(options.reason, limits.reasonBytesMax)) {
    return invalid("options.reason", `at most ${limits.reasonBytesMax} bytes of UTF-8`);
  }
  const { requestId } = options;
  if (requestId === undefined) return undefined;
  const isSound = requestId !== "" && isText(requestId, limits.requestIdBytesMax);
  if (isSound) return undefined;
  return invalid("options.requestId", `1 to ${limits.requestIdBytesMax} bytes of UTF-8`);
}

function checkSessionId(field: string, id: bigint): Problem {
  return id > 0n && id <= UINT64_MAX ? undefined : invalid(field, "1 to 2^64 - 1");
}

function checkTtl(limits: Limits, field: string, ttlMs: number): Problem {
  return checkInteger(field, ttlMs, limits.ttlMsMin, limits.ttlMsMax);
}

function checkInteger(field: string, value: number, min: number, max: number): Problem {
  const isWithin = Number.isSafeInteger(value) && value >= min && value <= max;
  return isWithin ? undefined : invalid(field, `${min} to ${max}`);
}

function checkCount(field: string, count: number, max: number): Problem {
  return count <= max ? undefined : invalid(field, `at most ${max}`);
}

function invalidName(limits: Limits, field: string): Refused {
  return invalid(field, `1 to ${limits.nameBytesMax} bytes of UTF-8 without control characters`);
}

function invalid(field: string, bound: string): Refused {
  return { kind: "refused", reason: "invalid_field", field, bound };
}
