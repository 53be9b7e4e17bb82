// SPDX-License-Identifier: Apache-2.0
/**
 * How sessions open and end on a partition (semantics A1, A2).
 *
 * All sessions that end in one entry end together, at the first command that ends one: first all
 * their candidacies leave, then each election settles once (schedule P). Otherwise the second in line
 * could take office for an instant although it ends in the same entry.
 */

import { unreachable } from "@conclave/base";
import { boundElections } from "./binding.ts";
import type { Cause } from "./change.ts";
import type {
  CloseSession,
  Command,
  ExpiredSession,
  ExpireSessions,
  OpenSession,
} from "./command.ts";
import type { OpenIndexedSession } from "./dialect-command.ts";
import { removeCandidacies, sameMetadata } from "./election.ts";
import { closeStream } from "./event-stream.ts";
import { noteIdleness } from "./idleness.ts";
import type { Limits } from "./limits.ts";
import { settle } from "./office.ts";
import { takeOldest } from "./oldest.ts";
import type { PartitionState } from "./partition.ts";
import type { Candidacy, Election, Session } from "./records.ts";
import type { Refused, Reply } from "./reply.ts";
import { createSession, type SessionOptions } from "./session.ts";
import type { SessionId } from "./session-id.ts";
import { refused, type Turn } from "./turn.ts";
import { checkCommand } from "./validate.ts";

export function openSession(turn: Turn, command: OpenSession): Reply {
  const { sessionId, ttlMs, graceMs, labels } = command;
  const principal = command.principal ?? "";
  const found = turn.state.sessions.get(sessionId);
  if (found !== undefined) {
    const isSame =
      found.numbering === "native" &&
      found.ttlMs === ttlMs &&
      found.graceMs === graceMs &&
      found.principal === principal &&
      sameMetadata(found.labels, labels);
    if (!isSame) return refused("session_mismatch");
    return { kind: "session-opened", sessionId, index: turn.state.index, already: true };
  }
  const options: SessionOptions = {
    id: sessionId,
    numbering: "native",
    ttlMs,
    graceMs,
    labels,
    principal,
  };
  return register(turn, options) ?? opened(turn, sessionId);
}

export function openIndexedSession(turn: Turn, command: OpenIndexedSession): Reply {
  const { state } = turn;
  // A native id is random and may have hit a number that the counter has yet to reach.
  while (state.sessions.has(state.index) || state.endedSessions.has(state.index)) {
    state.index += 1n;
  }
  const options: SessionOptions = {
    id: state.index,
    numbering: command.dialect,
    ttlMs: command.ttlMs,
    graceMs: 0,
    labels: new Map(),
    principal: command.principal ?? "",
  };
  return register(turn, options) ?? opened(turn, options.id);
}

/** Adds a session that is not there. The id of one that ended never comes back. */
export function register(turn: Turn, options: SessionOptions): Refused | undefined {
  const { state } = turn;
  if (state.endedSessions.has(options.id)) return refused("session_ended");
  if (state.sessions.size >= state.limits.sessionsMax) return refused("too_many_sessions");
  state.sessions.set(options.id, createSession(options));
  const { id: sessionId, ttlMs, graceMs } = options;
  turn.sessionsOpened.push({ sessionId, ttlMs, graceMs });
  return undefined;
}

/** The session that a command names, or why it cannot be served. */
export function findSession(state: PartitionState, id: SessionId): Session | Refused {
  const session = state.sessions.get(id);
  if (session !== undefined) return session;
  return refused(state.endedSessions.has(id) ? "session_ended" : "session_unknown");
}

export function closeSession(turn: Turn, command: CloseSession): Reply {
  const { state } = turn;
  const wasHere = state.sessions.has(command.sessionId);
  if (wasHere) endSessionsOfEntry(turn);
  // Another end earlier in this entry has taken this session with it.
  const endedNow = turn.sessionsEnded.some((ended) => ended.sessionId === command.sessionId);
  return { kind: "session-closed", index: state.index, already: !wasHere && !endedNow };
}

export function expireSessions(turn: Turn, command: ExpireSessions): Reply {
  const isAnyHere = command.sessions.some(({ sessionId }) => turn.state.sessions.has(sessionId));
  if (isAnyHere) endSessionsOfEntry(turn);
  const named = new Set(command.sessions.map(({ sessionId }) => sessionId));
  const ended = turn.sessionsEnded.filter(({ sessionId }) => named.has(sessionId)).length;
  return { kind: "sessions-expired", ended };
}

type EndCause = "closed" | ExpiredSession["cause"];

function opened(turn: Turn, sessionId: SessionId): Reply {
  return { kind: "session-opened", sessionId, index: turn.state.index, already: false };
}

function endSessionsOfEntry(turn: Turn): void {
  const ending = new Map<Session, EndCause>();
  for (let i = turn.position; i < turn.commands.length; i++) {
    for (const { sessionId, cause } of endsIn(turn.state.limits, turn.commands[i]!)) {
      const session = turn.state.sessions.get(sessionId);
      if (session !== undefined && !ending.has(session)) ending.set(session, cause);
    }
  }
  endTogether(turn, ending);
}

function endsIn(
  limits: Limits,
  command: Command,
): readonly { sessionId: SessionId; cause: EndCause }[] {
  if (command.kind !== "close-session" && command.kind !== "expire-sessions") return [];
  // One that is refused when its turn comes must not have ended anybody.
  if (checkCommand(limits, command) !== undefined) return [];
  if (command.kind === "expire-sessions") return command.sessions;
  return [{ sessionId: command.sessionId, cause: "closed" }];
}

function endTogether(turn: Turn, ending: ReadonlyMap<Session, EndCause>): void {
  const { state } = turn;
  const touched = new Set<Election>();
  for (const [session, cause] of ending) {
    state.sessions.delete(session.id);
    rememberEnded(state, session.id);
    turn.sessionsEnded.push({ sessionId: session.id, cause });
    for (const stream of session.streams.values()) closeStream(turn, stream);
    for (const candidacy of session.candidacies) touched.add(candidacy.election);
    for (const election of boundElections(state, session)) {
      election.boundBy?.delete(session);
      touched.add(election);
    }
    session.bound.clear();
  }
  const inKeyOrder = [...touched].sort((a, b) => (a.text < b.text ? -1 : 1));
  for (const election of inKeyOrder) leaveTogether(turn, election, ending);
}

function leaveTogether(
  turn: Turn,
  election: Election,
  ending: ReadonlyMap<Session, EndCause>,
): void {
  const leaderBefore = election.queue[0];
  const isLeaving = (candidacy: Candidacy): boolean => ending.has(candidacy.session);
  const first = election.queue.find(isLeaving);
  if (first === undefined) {
    noteIdleness(turn.state, election);
    return;
  }
  // The first in the list that leaves is the leader, where the leader is among them.
  const cause = changeCause(ending.get(first.session)!, first === leaderBefore);
  const before = leaderBefore?.view;
  const left = removeCandidacies(election, isLeaving);
  settle(turn, election, before, { cause, left });
}

function changeCause(end: EndCause, isLeader: boolean): Cause {
  switch (end) {
    case "closed":
      return isLeader ? "resigned" : "withdrawn";
    case "expired":
    case "disconnected":
      return end;
    default:
      return unreachable(end);
  }
}

function rememberEnded(state: PartitionState, id: SessionId): void {
  state.endedSessions.add(id);
  if (state.endedSessions.size > state.limits.endedSessionsMax) takeOldest(state.endedSessions);
}
