// SPDX-License-Identifier: Apache-2.0
/**
 * What each command does to a partition of the twin: the table of semantics A1 with the native API's
 * refusals. A refusal is a value; nothing here throws, sends or reads a clock.
 */

import { create } from "@bufbuild/protobuf";
import {
  type AttachCommand,
  type AttachReply,
  Cause,
  CheckFenceResponseSchema,
  type CommandResult,
  CommandResultSchema,
  type ElectionRef,
  FenceStatus,
  type FrameError,
  FrameErrorSchema,
  type ListRequest,
  ListResponseSchema,
  Outcome,
  Reason,
} from "@conclave/api";
import { unreachable } from "@conclave/base";
import type { Entrant, MemoryElection, MemoryPartition } from "./memory-partition.ts";

export type Reply = AttachReply["reply"];
type Command = AttachCommand["command"];

/** Who asks, as a partition knows it. */
export interface Asker {
  readonly session: bigint;
  readonly instance: string;
  /** Whether this very command registered the session on the partition. */
  readonly registered: boolean;
}

export function refusal(code: string, reason: Reason, message: string): Reply {
  const info = { reason, outcome: Outcome.NOT_APPLIED };
  const error: FrameError = create(FrameErrorSchema, { code, message, info });
  return { case: "error", value: error };
}

/** A command of a session: it changes the session's own candidacies. */
export function applyOwn(partition: MemoryPartition, command: Command, asker: Asker): Reply {
  switch (command.case) {
    case "enter": {
      const { election: ref, candidate, metadata, takeover } = command.value;
      const entrant = { name: candidate, ...asker, metadata };
      return enter(partition, at(partition, ref), entrant, takeover, asker);
    }
    case "withdraw":
    case "updateMetadata": {
      const election = at(partition, command.value.election);
      const own = election.list.find(({ name }) => name === command.value.candidate);
      if (own === undefined) return noCandidate(command.value.candidate);
      if (own.session !== asker.session) return heldByAnother("failed_precondition", own.name);
      const rest = election.list.filter((entrant) => entrant !== own);
      const wasLeading = election.list[0] === own;
      if (command.case === "withdraw") {
        const cause = wasLeading ? Cause.RESIGNED : Cause.WITHDRAWN;
        const after = partition.rearrange(election, rest, cause);
        const result = resultOf(partition, after, own.name, asker, true);
        return { case: "withdraw", value: { $typeName: "conclave.v1.WithdrawResponse", result } };
      }
      const { metadata } = command.value;
      const list = election.list.map((e) => (e === own ? { ...own, metadata } : e));
      const after = partition.rearrange(election, list, Cause.METADATA);
      const result = resultOf(partition, after, own.name, asker, true);
      const $typeName = "conclave.v1.UpdateMetadataResponse";
      return { case: "updateMetadata", value: { $typeName, result } };
    }
    default:
      return refusal("invalid_argument", Reason.INVALID_FIELD, "no command of a session");
  }
}

type AdminCommand = Move | Extract<Command, { case: "delete" }>;

/** An operator's command, once for each request id; `replies` are those that were given by it. */
export function applyAdmin(
  partition: MemoryPartition,
  command: AdminCommand,
  replies: Map<string, Reply>,
): Reply {
  const requestId = command.value.options?.requestId ?? "";
  const given = replies.get(requestId);
  if (given !== undefined) return given;
  const reply = carryOut(partition, command);
  // Refusals, too: an attempt that comes late finds the answer of the one after it.
  if (requestId !== "") replies.set(requestId, reply);
  return reply;
}

function carryOut(partition: MemoryPartition, command: AdminCommand): Reply {
  switch (command.case) {
    case "anoint":
    case "promote":
    case "demote":
    case "evict":
      return move(partition, command);
    case "delete": {
      const election = find(partition, command.value.election);
      if (election === undefined) return noElection(command.value.election);
      const refused = mismatch(election, command.value.options?.ifRevision);
      if (refused !== undefined) return refused;
      const reason = command.value.options?.reason;
      const after = partition.rearrange(election, [], Cause.DELETED, reason);
      const result = resultOf(partition, after, "", undefined, true);
      return { case: "delete", value: { $typeName: "conclave.v1.DeleteResponse", result } };
    }
    default:
      return unreachable(command);
  }
}

/** A question about one election. */
/** Everything on one page, in the order of names. */
export function answerList(
  partitions: readonly MemoryPartition[],
  { prefix, vacant, namespace }: ListRequest,
): Reply {
  const isListed = (election: MemoryElection): boolean =>
    election.name.startsWith(prefix) &&
    election.namespace === (namespace || "default") &&
    (!vacant || election.list.length === 0);
  const found = partitions.flatMap((home) =>
    home
      .all()
      .filter(isListed)
      .map((election) => home.view(election)),
  );
  const name = (view: (typeof found)[number]): string => view.election?.name ?? "";
  const elections = found.sort((a, b) => (name(a) < name(b) ? -1 : 1));
  return { case: "list", value: create(ListResponseSchema, { elections }) };
}

export function answerRead(partition: MemoryPartition, command: Command): Reply {
  if (command.case === "checkFence") {
    const { term, ...election } = at(partition, command.value.election);
    const asked = command.value.term;
    const isLast = asked === term && term > 0n;
    const ofLast = election.list.length > 0 ? FenceStatus.CURRENT : FenceStatus.VACANT;
    const ofOthers = asked < term && asked > 0n ? FenceStatus.SUPERSEDED : FenceStatus.UNKNOWN;
    const status = isLast ? ofLast : ofOthers;
    const { revision } = partition;
    return {
      case: "checkFence",
      value: create(CheckFenceResponseSchema, { status, term, revision }),
    };
  }
  if (command.case !== "get") {
    return refusal("invalid_argument", Reason.INVALID_FIELD, "no question");
  }
  // As the server does: a name that nobody has entered is vacant, at revision 0.
  const view = partition.view(at(partition, command.value.election));
  return { case: "get", value: { $typeName: "conclave.v1.GetResponse", view } };
}

function enter(
  partition: MemoryPartition,
  election: MemoryElection,
  entrant: Entrant,
  takeover: boolean,
  asker: Asker,
): Reply {
  const held = election.list.find(({ name }) => name === entrant.name);
  const reply = (after: MemoryElection, changed: boolean): Reply => {
    const result = resultOf(partition, after, entrant.name, asker, changed);
    return { case: "enter", value: { $typeName: "conclave.v1.EnterResponse", result } };
  };
  if (held === undefined) {
    const list = [...election.list, entrant];
    return reply(partition.rearrange(election, list, Cause.ENTERED), true);
  }
  if (held.session !== entrant.session && !takeover) {
    return heldByAnother("already_exists", held.name);
  }
  const isSame =
    held.session === entrant.session &&
    JSON.stringify(held.metadata) === JSON.stringify(entrant.metadata);
  if (isSame) return reply(election, false);
  const cause = held.session === entrant.session ? Cause.METADATA : Cause.ENTERED;
  const list = election.list.map((other) => (other === held ? entrant : other));
  return reply(partition.rearrange(election, list, cause), true);
}

type Move = Extract<Command, { case: "anoint" | "promote" | "demote" | "evict" }>;

function move(partition: MemoryPartition, command: Move): Reply {
  const { election: ref, candidate, options } = command.value;
  const election = find(partition, ref);
  if (election === undefined) return noElection(ref);
  const from = election.list.findIndex(({ name }) => name === candidate);
  if (from < 0) return noCandidate(candidate);
  const refused = mismatch(election, options?.ifRevision);
  if (refused !== undefined) return refused;
  const list = [...election.list];
  const [moved] = list.splice(from, 1);
  const last = election.list.length - 1;
  if (moved !== undefined && command.case !== "evict") {
    const to = { anoint: 0, promote: Math.max(0, from - 1), demote: Math.min(last, from + 1) };
    list.splice(to[command.case], 0, moved);
  }
  const changed =
    list.some((entrant, index) => entrant !== election.list[index]) || list.length <= last;
  const causes = {
    anoint: Cause.ANOINTED,
    promote: Cause.PROMOTED,
    demote: Cause.DEMOTED,
    evict: Cause.EVICTED,
  };
  const after = changed
    ? partition.rearrange(election, list, causes[command.case], options?.reason)
    : election;
  const result = resultOf(partition, after, candidate, undefined, changed);
  const view = partition.view(after);
  switch (command.case) {
    case "anoint":
      return { case: "anoint", value: { $typeName: "conclave.v1.AnointResponse", result, view } };
    case "promote":
      return { case: "promote", value: { $typeName: "conclave.v1.PromoteResponse", result, view } };
    case "demote":
      return { case: "demote", value: { $typeName: "conclave.v1.DemoteResponse", result, view } };
    default:
      return { case: "evict", value: { $typeName: "conclave.v1.EvictResponse", result, view } };
  }
}

function resultOf(
  partition: MemoryPartition,
  { revision, term, list }: MemoryElection,
  candidate: string,
  asker: Asker | undefined,
  changed: boolean,
): CommandResult {
  return create(CommandResultSchema, {
    revision,
    term,
    leading: list[0]?.name === candidate && candidate !== "",
    registered: asker?.registered ?? false,
    partition: partition.number,
    changed,
  });
}

function at(partition: MemoryPartition, ref: ElectionRef | undefined): MemoryElection {
  return partition.get(ref?.namespace ?? "", ref?.name ?? "");
}

function find(
  partition: MemoryPartition,
  ref: ElectionRef | undefined,
): MemoryElection | undefined {
  return partition.find(ref?.namespace ?? "", ref?.name ?? "");
}

function mismatch(election: MemoryElection, ifRevision = 0n): Reply | undefined {
  if (ifRevision === 0n || ifRevision === election.revision) return undefined;
  const message = `the election is at revision ${election.revision}`;
  return refusal("failed_precondition", Reason.REVISION_MISMATCH, message);
}

const noElection = (ref: ElectionRef | undefined): Reply =>
  refusal("not_found", Reason.NO_SUCH_ELECTION, `there is no election ${ref?.name ?? ""}`);

const noCandidate = (name: string): Reply =>
  refusal("not_found", Reason.NOT_A_CANDIDATE, `${name} is no candidate`);

const heldByAnother = (code: string, name: string): Reply =>
  refusal(code, Reason.HELD_BY_ANOTHER_SESSION, `another session holds ${name}`);

/** The answer of an earlier execution, marked as such. */
export function again(reply: Reply): Reply {
  if (reply.case === "error" || reply.case === undefined) return reply;
  if (!("result" in reply.value) || reply.value.result === undefined) return reply;
  const result = { ...reply.value.result, replayed: true, registered: false };
  return { ...reply, value: { ...reply.value, result } } as AttachReply["reply"];
}
