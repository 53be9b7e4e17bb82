// SPDX-License-Identifier: Apache-2.0
/** Messages, effects and states in the words of a trace: short, the same each time, for people to read. */

import type { Effect } from "../core/effect.ts";
import type { RaftMessage } from "../core/message.ts";
import type { ReplicaId } from "../ids.ts";
import { type Configuration, decodeConfiguration } from "../log/configuration.ts";
import type { LogEntry } from "../log/entry.ts";
import type { AppliedEntry, Member } from "./member.ts";

/** Index and raftTerm of an entry: `4@2`. */
const point = (index: number, raftTerm: number): string => `${index}@${raftTerm}`;

/** What a member asks for; undefined for what its surroundings tell elsewhere. */
export function effectText(member: Member, effect: Effect): string | undefined {
  const who = member.replica;
  switch (effect.kind) {
    case "persist": {
      const { hardState, entries } = effect;
      const vote =
        hardState && `raftTerm=${hardState.raftTerm} vote=${hardState.votedFor ?? "none"}`;
      return `${who} writes ${[vote, ...entries.map(entryText)].filter(Boolean).join(", ")}`;
    }
    case "send":
      return undefined;
    case "apply":
      return `${who} applies up to ${effect.to}`;
    case "role":
      return roleText(who, effect);
    case "proposed":
      return `${who} takes proposal ${effect.proposal} as ${effect.index}`;
    case "refused":
      return `${who} refuses proposal ${effect.proposal}: ${effect.reason}`;
    case "confirmed":
      return `${who} confirms read ${effect.read} at ${point(effect.index, effect.raftTerm)}`;
    case "not-confirmed":
      return `${who} does not confirm read ${effect.read}: ${effect.reason}`;
    case "configuration": {
      const state = effect.isCommitted ? "committed" : "in use";
      return `${who} has ${configurationText(effect.configuration)} of ${effect.index} ${state}`;
    }
    case "change-begun":
      return `${who} begins change ${effect.change} at ${effect.index}`;
    case "change-refused":
      return `${who} refuses change ${effect.change}: ${effect.reason}`;
    case "truncated":
      return `${who} drops its entries from ${effect.from}`;
    case "compact":
      return `${who} forgets its entries up to ${effect.to}`;
    case "write-snapshot-chunk": {
      const { snapshotIndex, snapshotRaftTerm, offset, bytes, totalBytes } = effect;
      const range = `bytes ${offset} to ${offset + bytes.length} of ${totalBytes}`;
      return `${who} keeps ${range} of snapshot ${point(snapshotIndex, snapshotRaftTerm)}`;
    }
  }
}

export function messageText(message: RaftMessage): string {
  return `${message.kind} raftTerm=${message.raftTerm} ${detailOf(message)}`.trimEnd();
}

function detailOf(message: RaftMessage): string {
  switch (message.kind) {
    case "pre-vote-request":
      return `last=${point(message.lastLogIndex, message.lastLogRaftTerm)}`;
    case "vote-request": {
      const last = point(message.lastLogIndex, message.lastLogRaftTerm);
      return `last=${last}${message.isTransfer ? " transfer" : ""}`;
    }
    case "pre-vote-response":
    case "vote-response":
      return message.isGranted ? "yes" : "no";
    case "append-entries": {
      const { prevLogIndex, prevLogRaftTerm, entries, leaderCommit } = message;
      const list = entries.map(entryText).join(", ");
      return `prev=${point(prevLogIndex, prevLogRaftTerm)} commit=${leaderCommit} [${list}]`;
    }
    case "append-entries-accepted":
      return `match=${message.matchIndex}`;
    case "append-entries-rejected": {
      const { rejectedIndex, conflictIndex, conflictRaftTerm, lastLogIndex } = message;
      const hint = point(conflictIndex, conflictRaftTerm);
      return `prev=${rejectedIndex} hint=${hint} last=${lastLogIndex}`;
    }
    case "heartbeat":
      return `commit=${message.leaderCommit}${message.round === 0 ? "" : ` round=${message.round}`}`;
    case "heartbeat-response":
      return `round=${message.round}`;
    case "install-snapshot": {
      const { snapshotIndex, snapshotRaftTerm, offset, bytes, totalBytes } = message;
      const snapshot = point(snapshotIndex, snapshotRaftTerm);
      return `snapshot=${snapshot} bytes ${offset} to ${offset + bytes.length} of ${totalBytes}`;
    }
    case "install-snapshot-response": {
      const { snapshotIndex, nextOffset, isInstalled } = message;
      return `snapshot=${snapshotIndex} ${isInstalled ? "installed" : `wants byte ${nextOffset}`}`;
    }
    case "timeout-now":
      return "";
  }
}

/** Where a member stands, on one line. */
export function statusText(member: Member): string {
  if (!member.isUp) return `${member.replica} is down`;
  const { role, raftTerm, votedFor, log, commitIndex, lastApplied } = member.state;
  const leads = role.kind === "follower" && role.leader !== undefined ? ` of ${role.leader}` : "";
  const vote = votedFor === undefined ? "" : ` vote=${votedFor}`;
  const bounds = `log=${log.base.index}..${log.last.index} commit=${commitIndex} applied=${lastApplied}`;
  const configuration = configurationText(member.state.configurations.inUse.configuration);
  return `${member.replica} ${role.kind}${leads} raftTerm=${raftTerm}${vote} ${bounds} ${configuration}`;
}

/** A member's log, entry by entry; a bar stands behind what is committed. */
export function logText(member: Member): string {
  const { log, commitIndex } = member.state;
  const parts =
    log.base.index === 0 ? [] : [`snapshot ${point(log.base.index, log.base.raftTerm)}`];
  for (let index = log.base.index + 1; index <= log.last.index; index++) {
    parts.push(`${entryText(member.entryAt(index)!)}${index === commitIndex ? " |" : ""}`);
  }
  return `${member.replica}: ${parts.join(", ")}`;
}

/** What a leader believes of the others. */
export function progressText(member: Member): readonly string[] {
  const { role } = member.state;
  if (role.kind !== "leader") return [`${member.replica} leads nobody`];
  return [...role.progress].map(([replica, { flow, matchIndex, nextIndex }]) => {
    return `${member.replica} has ${replica} in ${flow.kind} match=${matchIndex} next=${nextIndex}`;
  });
}

export function appliedText({ index, raftTerm, type, text }: AppliedEntry): string {
  return `${point(index, raftTerm)} ${type === "proposal" ? JSON.stringify(text) : text}`;
}

function roleText(who: ReplicaId, { role }: Extract<Effect, { kind: "role" }>): string {
  const { raftTerm } = role;
  if (role.kind === "leader") return `${who} LEADS in raftTerm ${raftTerm}`;
  return `${who} follows ${role.leader ?? "nobody"} in raftTerm ${raftTerm}`;
}

function entryText({ index, raftTerm, type, bytes }: LogEntry): string {
  const at = point(index, raftTerm);
  if (type === "noop") return `${at} noop`;
  if (type === "proposal") return `${at} ${JSON.stringify(new TextDecoder().decode(bytes))}`;
  const configuration = decodeConfiguration(bytes);
  return `${at} ${configuration === undefined ? "unreadable" : configurationText(configuration)}`;
}

/** `voters (1 2 3)`, `voters (1 2 4)&(1 2 3)` while a change is under way, and learners. */
function configurationText({ voters, outgoing, learners }: Configuration): string {
  const set = (replicas: readonly ReplicaId[]): string => `(${replicas.join(" ")})`;
  const old = outgoing.length > 0 ? `&${set(outgoing)}` : "";
  const others = learners.length > 0 ? ` learners ${set(learners)}` : "";
  return `voters ${set(voters)}${old}${others}`;
}
