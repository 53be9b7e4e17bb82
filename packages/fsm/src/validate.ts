// SPDX-License-Identifier: Apache-2.0
/**
 * Whether the fields of a command keep to their bounds. What a client may have sent wrong is refused
 * here, so that the rest of the machine sees only what can be.
 *
 * It looks at the command and the limits alone, so a retry is refused in the same way.
 */

import { unreachable } from "@conclave/base";
import type { AdminOptions, Command, CommandId, Metadata, OpenSession } from "./command.ts";
import type {
  AcknowledgeS0,
  AcknowledgeS1,
  CallOrder,
  DialectCall,
  RestoreLatch,
} from "./dialect-command.ts";
import { metadataBytes } from "./election.ts";
import type { PrimitiveKey } from "./key.ts";
import type { Limits } from "./limits.ts";
import { hasTwins, type InvitedMember, type Member } from "./member.ts";
import type { Refused } from "./reply.ts";
import { isName, isText, utf8Length } from "./text.ts";

type Problem = Refused | undefined;

const NODE_MAX = 65_535;
const INCARNATION_MAX = 2 ** 32 - 1;
const UINT64_MAX = (1n << 64n) - 1n;

/**
 * The first field out of its bounds, or undefined. `apply` refuses what this refuses; whoever proposes
 * asks first, since only what passes here can be encoded.
 */
export function checkCommand(limits: Limits, command: Command): Problem {
  switch (command.kind) {
    case "open-session":
      return checkOpenSession(limits, command);
    case "close-session":
      return checkSessionId("sessionId", command.sessionId);
    case "expire-sessions":
      return firstProblem(command.sessions, (s) => checkSessionId("sessions", s.sessionId));
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
      return checkNumber("level", command.level, 1);
    case "set-first-members":
      return checkFirstMembers(limits, command.members);
    case "invite-member":
      return checkInvited(limits, command);
    case "put-member":
      return checkMember(limits, command);
    case "remove-member":
      return checkInteger("node", command.node, 1, NODE_MAX);
    case "open-indexed-session":
      return checkTtl(limits, "ttlMs", command.ttlMs) ?? checkPrincipal(limits, command);
    case "dialect-call":
      return checkDialectCall(limits, command);
    case "acknowledge-s0":
      return checkAcknowledgeS0(limits, command);
    case "acknowledge-s1":
      return checkAcknowledgeS1(limits, command);
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
    checkLabels(limits, labels) ??
    checkPrincipal(limits, command)
  );
}

function checkFirstMembers(limits: Limits, members: readonly Member[]): Problem {
  if (members.length === 0) return invalid("members", "at least one");
  return (
    checkCount("members", members.length, limits.membersMax) ??
    firstProblem(members, (member) => checkMember(limits, member, "members.")) ??
    (hasTwins(members) ? invalid("members", "every node and address once") : undefined)
  );
}

function checkMember(limits: Limits, member: Member, path = ""): Problem {
  return (
    checkInvited(limits, member, path) ??
    checkInteger(`${path}incarnation`, member.incarnation, 0, INCARNATION_MAX)
  );
}

function checkInvited(limits: Limits, { node, address }: InvitedMember, path = ""): Problem {
  const { addressBytesMax } = limits;
  const problem = checkInteger(`${path}node`, node, 1, NODE_MAX);
  if (problem !== undefined || isName(address, addressBytesMax)) return problem;
  return invalid(`${path}address`, `HOST:PORT of at most ${addressBytesMax} bytes of UTF-8`);
}

function checkPrincipal(limits: Limits, command: { readonly principal?: string }): Problem {
  const isSound = isText(command.principal ?? "", limits.nameBytesMax);
  return isSound
    ? undefined
    : invalid("principal", `at most ${limits.nameBytesMax} bytes of UTF-8`);
}

function checkAcknowledgeS0(limits: Limits, command: AcknowledgeS0): Problem {
  return (
    checkSessionId("sessionId", command.sessionId) ??
    checkNumber("number", command.number, 0) ??
    checkCount("streams", command.streams.length, limits.streamsPerSessionMax) ??
    firstProblem(
      command.streams,
      ({ streamId, responseId }) =>
        checkNumber("streams.streamId", streamId, 0) ??
        checkNumber("streams.responseId", responseId, 0),
    )
  );
}

function checkAcknowledgeS1(limits: Limits, command: AcknowledgeS1): Problem {
  return (
    checkSessionId("sessionId", command.sessionId) ??
    checkNumber("number", command.number, 0) ??
    checkCount("open", command.open.length, limits.unacknowledgedPerSessionMax) ??
    firstProblem(command.open, (number) => checkNumber("open", number, 0))
  );
}

function firstProblem<T>(items: readonly T[], check: (item: T) => Problem): Problem {
  for (const item of items) {
    const problem = check(item);
    if (problem !== undefined) return problem;
  }
  return undefined;
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
  const problem =
    (mayBeNobodys(call) ? undefined : checkSessionId("sessionId", call.sessionId)) ??
    checkKey(limits, operation.key, "operation.key") ??
    checkOrder(call.order);
  if (problem !== undefined) return problem;
  switch (operation.kind) {
    case "create":
    case "close":
    case "delete":
    case "pass":
      return undefined;
    case "events":
      return call.order.kind === "strict" ? undefined : invalid("order", "a number of S0");
    case "restore":
      return checkRestore(limits, operation);
    default:
      return checkCandidate(limits, operation.candidate, "operation.candidate");
  }
}

/** Verbs that go by name, whoever asks, and what S4 does to a latch as a whole (semantics A1, A2). */
const NOBODYS: ReadonlySet<string> = new Set([
  "create",
  "restore",
  "withdraw",
  "anoint",
  "promote",
  "demote",
  "evict",
  "delete",
]);

function mayBeNobodys({ order, operation, sessionId }: DialectCall): boolean {
  return sessionId === 0n && order.kind === "free" && NOBODYS.has(operation.kind);
}

function checkOrder(order: CallOrder): Problem {
  switch (order.kind) {
    case "free":
      return undefined;
    case "once":
      return checkUint64("order.number", order.number);
    case "set":
      return checkNumber("order.number", order.number, 1);
    case "strict":
      return (
        checkNumber("order.number", order.number, 1) ??
        checkInteger("order.voidThrough", order.voidThrough ?? 0, 0, order.number - 1)
      );
    default:
      return unreachable(order);
  }
}

function checkRestore(limits: Limits, operation: RestoreLatch): Problem {
  const { leader, term, participants } = operation;
  return (
    checkCount("operation.participants", participants.length, limits.candidatesPerElectionMax) ??
    checkUint64("operation.term", term) ??
    (leader === undefined ? undefined : checkCandidate(limits, leader, "operation.leader")) ??
    firstProblem(
      participants,
      ({ candidate, sessionId, ttlMs }) =>
        checkCandidate(limits, candidate, "operation.participants.candidate") ??
        checkSessionId("operation.participants.sessionId", sessionId) ??
        checkTtl(limits, "operation.participants.ttlMs", ttlMs),
    )
  );
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
  return checkSessionId("id.sessionId", id.sessionId);
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
  const { requestId, ifRevision = 0n } = options;
  if (requestId === undefined) return checkUint64("options.ifRevision", ifRevision);
  const isSound = requestId !== "" && isText(requestId, limits.requestIdBytesMax);
  if (isSound) return checkUint64("options.ifRevision", ifRevision);
  return invalid("options.requestId", `1 to ${limits.requestIdBytesMax} bytes of UTF-8`);
}

function checkSessionId(field: string, id: bigint): Problem {
  return id > 0n && id <= UINT64_MAX ? undefined : invalid(field, "1 to 2^64 - 1");
}

function checkUint64(field: string, value: bigint): Problem {
  return value >= 0n && value <= UINT64_MAX ? undefined : invalid(field, "0 to 2^64 - 1");
}

function checkNumber(field: string, value: number, min: number): Problem {
  return checkInteger(field, value, min, Number.MAX_SAFE_INTEGER);
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
