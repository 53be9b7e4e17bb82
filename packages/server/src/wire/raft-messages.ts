// SPDX-License-Identifier: Apache-2.0
/**
 * What members of Raft groups say to each other, as messages of conclave.peer.v1 and back.
 *
 * Heartbeats and their answers are told apart: they travel as rows of columns (`heartbeats.ts`). What
 * arrives may come from anyone, so a message that no member can have meant is a value.
 */

import {
  type Configuration as ConfigurationMessage,
  type Entry,
  EntryType,
  type RaftMessage as RaftMessageMessage,
} from "@conclave/api/peer";
import { assert, unreachable } from "@conclave/base";
import {
  type Configuration,
  type GroupMessage,
  type LogEntry,
  nodeOf,
  type RaftMessage,
} from "@conclave/raft";
import { countOf, isMalformed, isNodeId, type Malformed, malformed } from "./malformed.ts";

/** All kinds that travel as a message of their own. */
export type SingleMessage = Exclude<
  RaftMessage,
  { readonly kind: "heartbeat" | "heartbeat-response" }
>;

type Body = RaftMessageMessage["message"];
type Case<Name extends Body["case"]> = Extract<Body, { case: Name }>;
type Kind<Name extends RaftMessage["kind"]> = Extract<RaftMessage, { readonly kind: Name }>;

const ENTRY_TYPES: Record<LogEntry["type"], EntryType> = {
  proposal: EntryType.PROPOSAL,
  noop: EntryType.NOOP,
  configuration: EntryType.CONFIGURATION,
};

/** What a message and an entry take beside their bytes, at most: numbers and tags. */
const MESSAGE_BYTES = 64;
const ENTRY_BYTES = 24;
const REPLICA_BYTES = 8;

/** What the message takes in a frame, never less than it really does. */
export function wireBytesOf(message: SingleMessage): number {
  switch (message.kind) {
    case "append-entries": {
      let bytes = MESSAGE_BYTES;
      for (const entry of message.entries) bytes += ENTRY_BYTES + entry.bytes.length;
      return bytes;
    }
    case "install-snapshot": {
      const { voters, outgoing, learners } = message.configuration;
      const replicas = voters.length + outgoing.length + learners.length;
      return 2 * MESSAGE_BYTES + replicas * REPLICA_BYTES + message.bytes.length;
    }
    default:
      return MESSAGE_BYTES;
  }
}

export function raftMessageMessageOf(group: number, message: SingleMessage): RaftMessageMessage {
  return {
    $typeName: "conclave.peer.v1.RaftMessage",
    group,
    raftTerm: BigInt(message.raftTerm),
    message: bodyOf(message),
  };
}

function bodyOf(message: SingleMessage): Body {
  switch (message.kind) {
    case "append-entries":
      return { case: "appendEntries", value: appendEntriesMessageOf(message) };
    case "append-entries-accepted": {
      const matchIndex = BigInt(message.matchIndex);
      const value = { $typeName: "conclave.peer.v1.AppendEntriesAccepted", matchIndex } as const;
      return { case: "appendEntriesAccepted", value };
    }
    case "append-entries-rejected":
      return { case: "appendEntriesRejected", value: rejectedMessageOf(message) };
    case "install-snapshot":
      return { case: "installSnapshot", value: installSnapshotMessageOf(message) };
    case "install-snapshot-response":
      return { case: "installSnapshotResponse", value: installedMessageOf(message) };
    case "timeout-now":
      return { case: "timeoutNow", value: { $typeName: "conclave.peer.v1.TimeoutNow" } };
    default:
      return voteBodyOf(message);
  }
}

function voteBodyOf(
  message: Kind<"pre-vote-request" | "pre-vote-response" | "vote-request" | "vote-response">,
): Body {
  switch (message.kind) {
    case "pre-vote-request": {
      const value = {
        $typeName: "conclave.peer.v1.PreVoteRequest",
        ...lastLogOf(message),
      } as const;
      return { case: "preVoteRequest", value };
    }
    case "vote-request": {
      const { isTransfer } = message;
      const rest = { ...lastLogOf(message), isTransfer };
      return { case: "voteRequest", value: { $typeName: "conclave.peer.v1.VoteRequest", ...rest } };
    }
    case "pre-vote-response": {
      const { isGranted } = message;
      const value = { $typeName: "conclave.peer.v1.PreVoteResponse", isGranted } as const;
      return { case: "preVoteResponse", value };
    }
    case "vote-response": {
      const { isGranted } = message;
      const value = { $typeName: "conclave.peer.v1.VoteResponse", isGranted } as const;
      return { case: "voteResponse", value };
    }
    default:
      return unreachable(message);
  }
}

function lastLogOf(message: { readonly lastLogIndex: number; readonly lastLogRaftTerm: number }): {
  lastLogIndex: bigint;
  lastLogRaftTerm: bigint;
} {
  const { lastLogIndex, lastLogRaftTerm } = message;
  return { lastLogIndex: BigInt(lastLogIndex), lastLogRaftTerm: BigInt(lastLogRaftTerm) };
}

function appendEntriesMessageOf(message: Kind<"append-entries">): Case<"appendEntries">["value"] {
  const { prevLogIndex, prevLogRaftTerm, leaderCommit, entries } = message;
  const first = entries[0];
  assert(first === undefined || first.index === prevLogIndex + 1, "entries follow prevLogIndex");
  return {
    $typeName: "conclave.peer.v1.AppendEntries",
    prevLogIndex: BigInt(prevLogIndex),
    prevLogRaftTerm: BigInt(prevLogRaftTerm),
    leaderCommit: BigInt(leaderCommit),
    entries: entries.map(entryMessageOf),
  };
}

function entryMessageOf({ raftTerm, type, bytes }: LogEntry): Entry {
  return {
    $typeName: "conclave.peer.v1.Entry",
    raftTerm: BigInt(raftTerm),
    type: ENTRY_TYPES[type],
    // Only read; the log's own bytes may be those of a shared buffer for all the types know.
    bytes: bytes as Uint8Array<ArrayBuffer>,
  };
}

function rejectedMessageOf(
  message: Kind<"append-entries-rejected">,
): Case<"appendEntriesRejected">["value"] {
  return {
    $typeName: "conclave.peer.v1.AppendEntriesRejected",
    rejectedIndex: BigInt(message.rejectedIndex),
    conflictRaftTerm: BigInt(message.conflictRaftTerm),
    conflictIndex: BigInt(message.conflictIndex),
    lastLogIndex: BigInt(message.lastLogIndex),
  };
}

function installSnapshotMessageOf(
  message: Kind<"install-snapshot">,
): Case<"installSnapshot">["value"] {
  const { voters, outgoing, learners } = message.configuration;
  return {
    $typeName: "conclave.peer.v1.InstallSnapshot",
    snapshotIndex: BigInt(message.snapshotIndex),
    snapshotRaftTerm: BigInt(message.snapshotRaftTerm),
    configuration: {
      $typeName: "conclave.peer.v1.Configuration",
      voters: voters.map(BigInt),
      outgoing: outgoing.map(BigInt),
      learners: learners.map(BigInt),
    },
    totalBytes: BigInt(message.totalBytes),
    offset: BigInt(message.offset),
    bytes: message.bytes as Uint8Array<ArrayBuffer>,
  };
}

function installedMessageOf(
  message: Kind<"install-snapshot-response">,
): Case<"installSnapshotResponse">["value"] {
  const { snapshotIndex, nextOffset, isInstalled } = message;
  return {
    $typeName: "conclave.peer.v1.InstallSnapshotResponse",
    snapshotIndex: BigInt(snapshotIndex),
    nextOffset: BigInt(nextOffset),
    isInstalled,
  };
}

/** The message as its receiver's group is to be given it. */
export function groupMessageOf(wire: RaftMessageMessage): GroupMessage | Malformed {
  if (wire.group === 0) return malformed("raft.group", "at least 1");
  const raftTerm = countOf(wire.raftTerm);
  if (raftTerm < 0) return malformed("raft.raft_term", "below 2^53");
  const message = messageOf(wire.message, raftTerm);
  return isMalformed(message) ? message : { group: wire.group, message };
}

function messageOf(body: Body, raftTerm: number): RaftMessage | Malformed {
  switch (body.case) {
    case "preVoteRequest":
      return sound({ kind: "pre-vote-request", raftTerm, ...lastLogFrom(body.value) });
    case "preVoteResponse":
      return { kind: "pre-vote-response", raftTerm, isGranted: body.value.isGranted };
    case "voteRequest": {
      const { isTransfer } = body.value;
      return sound({ kind: "vote-request", raftTerm, ...lastLogFrom(body.value), isTransfer });
    }
    case "voteResponse":
      return { kind: "vote-response", raftTerm, isGranted: body.value.isGranted };
    case "appendEntries":
      return appendEntriesFrom(body.value, raftTerm);
    case "appendEntriesAccepted": {
      const matchIndex = countOf(body.value.matchIndex);
      return sound({ kind: "append-entries-accepted", raftTerm, matchIndex });
    }
    case "appendEntriesRejected":
      return rejectedFrom(body.value, raftTerm);
    case "installSnapshot":
      return installSnapshotFrom(body.value, raftTerm);
    case "installSnapshotResponse": {
      const snapshotIndex = countOf(body.value.snapshotIndex);
      const nextOffset = countOf(body.value.nextOffset);
      const { isInstalled } = body.value;
      const kind = "install-snapshot-response";
      return sound({ kind, raftTerm, snapshotIndex, nextOffset, isInstalled });
    }
    case "timeoutNow":
      return { kind: "timeout-now", raftTerm };
    case undefined:
      return malformed("raft.message", "one that this version knows");
    default:
      return unreachable(body);
  }
}

/** `countOf` has put -1 where a number was too large; none of ours is ever negative. */
function sound<Message extends RaftMessage>(message: Message): Message | Malformed {
  for (const [name, value] of Object.entries(message)) {
    if (value === -1) return malformed(`raft.${name}`, "below 2^53");
  }
  return message;
}

function lastLogFrom(value: Case<"preVoteRequest" | "voteRequest">["value"]): {
  readonly lastLogIndex: number;
  readonly lastLogRaftTerm: number;
} {
  const { lastLogIndex, lastLogRaftTerm } = value;
  return { lastLogIndex: countOf(lastLogIndex), lastLogRaftTerm: countOf(lastLogRaftTerm) };
}

function appendEntriesFrom(
  value: Case<"appendEntries">["value"],
  raftTerm: number,
): RaftMessage | Malformed {
  const prevLogIndex = countOf(value.prevLogIndex);
  const prevLogRaftTerm = countOf(value.prevLogRaftTerm);
  const entries: LogEntry[] = [];
  // Along a log raftTerms do not fall, and none is later than the sender's own (rule R3).
  let lowest = prevLogRaftTerm;
  for (const entry of value.entries) {
    const type = entryTypeOf(entry.type);
    if (type === undefined) return malformed("append_entries.entries.type", "a known type");
    const entryTerm = countOf(entry.raftTerm);
    if (entryTerm < Math.max(lowest, 1) || entryTerm > raftTerm) {
      return malformed("append_entries.entries.raft_term", "not falling, and not the future");
    }
    lowest = entryTerm;
    const index = prevLogIndex + 1 + entries.length;
    entries.push({ index, raftTerm: entryTerm, type, bytes: ownBytes(entry.bytes) });
  }
  const leaderCommit = countOf(value.leaderCommit);
  const kind = "append-entries";
  return sound({ kind, raftTerm, prevLogIndex, prevLogRaftTerm, entries, leaderCommit });
}

function entryTypeOf(type: EntryType): LogEntry["type"] | undefined {
  switch (type) {
    case EntryType.PROPOSAL:
      return "proposal";
    case EntryType.NOOP:
      return "noop";
    case EntryType.CONFIGURATION:
      return "configuration";
    default:
      return undefined;
  }
}

/** A log keeps entries for long, and a few bytes of a frame would keep all of the frame alive. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.length * 2 < bytes.buffer.byteLength ? bytes.slice() : bytes;
}

function rejectedFrom(
  value: Case<"appendEntriesRejected">["value"],
  raftTerm: number,
): RaftMessage | Malformed {
  return sound({
    kind: "append-entries-rejected",
    raftTerm,
    rejectedIndex: countOf(value.rejectedIndex),
    conflictRaftTerm: countOf(value.conflictRaftTerm),
    conflictIndex: countOf(value.conflictIndex),
    lastLogIndex: countOf(value.lastLogIndex),
  });
}

function installSnapshotFrom(
  value: Case<"installSnapshot">["value"],
  raftTerm: number,
): RaftMessage | Malformed {
  const configuration = configurationOf(value.configuration);
  if (isMalformed(configuration)) return configuration;
  const totalBytes = countOf(value.totalBytes);
  const offset = countOf(value.offset);
  if (offset + value.bytes.length > totalBytes) {
    return malformed("install_snapshot.bytes", "within total_bytes");
  }
  return sound({
    kind: "install-snapshot",
    raftTerm,
    snapshotIndex: countOf(value.snapshotIndex),
    snapshotRaftTerm: countOf(value.snapshotRaftTerm),
    configuration,
    totalBytes,
    offset,
    bytes: value.bytes,
  });
}

function configurationOf(message: ConfigurationMessage | undefined): Configuration | Malformed {
  if (message === undefined) return malformed("install_snapshot.configuration", "must be set");
  const voters = message.voters.map(countOf);
  const outgoing = message.outgoing.map(countOf);
  const learners = message.learners.map(countOf);
  const areReplicas = [...voters, ...outgoing, ...learners].every((id) => isNodeId(nodeOf(id)));
  if (areReplicas) return { voters, outgoing, learners };
  return malformed("install_snapshot.configuration", "ids of replicas");
}
