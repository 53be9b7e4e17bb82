// SPDX-License-Identifier: Apache-2.0
/**
 * S4's Restore: replaces the list of a latch and raises its term (semantics A4; schedule M).
 *
 * It makes no immortal candidate: every participant has a session, and one that nobody keeps alive
 * ends with its TTL. It changes everything it asks for or nothing.
 */

import type { Moved, Placed } from "./change.ts";
import type { RestoredParticipant, RestoreLatch } from "./dialect-command.ts";
import { dialectDone } from "./dialect-done.ts";
import { findElection, openElection } from "./directory.ts";
import { appendCandidacy, findCandidacy, removeCandidacies } from "./election.ts";
import { keyText } from "./key.ts";
import { settle } from "./office.ts";
import type { Election } from "./records.ts";
import type { DialectDone, Refused } from "./reply.ts";
import { register } from "./session-commands.ts";
import { refused, type Turn } from "./turn.ts";

export function restoreLatch(turn: Turn, operation: RestoreLatch): DialectDone | Refused {
  const problem = problemOf(turn, operation) ?? roomProblem(turn, operation);
  if (problem !== undefined) return problem;
  const election = openElection(turn, operation.key);
  if ("reason" in election) return election;
  if (isAlready(election, operation)) return dialectDone(turn, election, false);
  replaceList(turn, election, operation);
  return dialectDone(turn, election, true);
}

function problemOf(turn: Turn, operation: RestoreLatch): Refused | undefined {
  const { state } = turn;
  const { participants, leader, term } = operation;
  if (leader !== participants[0]?.candidate) return refused("invalid_restore");
  const names = new Set(participants.map(({ candidate }) => candidate));
  if (names.size !== participants.length) return refused("invalid_restore");
  const text = keyText(operation.key);
  const current =
    state.elections.get(text)?.term ?? state.tombstones.get(text)?.term ?? state.termFloor;
  return term > current + state.limits.restoredTermLead ? refused("invalid_restore") : undefined;
}

/** Whether the sessions that would have to be opened can be. */
function roomProblem(turn: Turn, operation: RestoreLatch): Refused | undefined {
  const { state } = turn;
  const missing = new Set<bigint>();
  for (const { sessionId } of newcomers(turn, operation)) {
    if (state.endedSessions.has(sessionId)) return refused("session_ended");
    if (!state.sessions.has(sessionId)) missing.add(sessionId);
  }
  const isFull = state.sessions.size + missing.size > state.limits.sessionsMax;
  return isFull ? refused("too_many_sessions") : undefined;
}

/** The participants whose name no session holds yet. */
function newcomers(turn: Turn, operation: RestoreLatch): readonly RestoredParticipant[] {
  const election = findElection(turn.state, operation.key);
  if (election === undefined) return operation.participants;
  return operation.participants.filter(({ candidate }) => !findCandidacy(election, candidate));
}

function isAlready(election: Election, operation: RestoreLatch): boolean {
  return (
    operation.term <= election.term &&
    election.queue.length === operation.participants.length &&
    election.queue.every((c, i) => c.view.name === operation.participants[i]!.candidate)
  );
}

function replaceList(turn: Turn, election: Election, operation: RestoreLatch): void {
  const leaderBefore = election.queue[0]?.view;
  const from = new Map(election.queue.map((c, i) => [c.view.name, i]));
  const position = new Map(operation.participants.map((p, i) => [p.candidate, i]));
  const left = removeCandidacies(election, (c) => !position.has(c.view.name));
  for (const participant of operation.participants) {
    if (!from.has(participant.candidate)) addParticipant(turn, election, participant);
  }
  election.queue.sort((a, b) => position.get(a.view.name)! - position.get(b.view.name)!);
  const joined: Placed[] = [];
  const moved: Moved[] = [];
  for (const [i, { view: candidate }] of election.queue.entries()) {
    const was = from.get(candidate.name);
    if (was === undefined) joined.push({ candidate, position: i });
    else moved.push({ candidate, from: was, position: i });
  }
  settle(turn, election, leaderBefore, {
    cause: "restored",
    left,
    joined,
    moved,
    restoredTerm: operation.term,
  });
}

function addParticipant(turn: Turn, election: Election, participant: RestoredParticipant): void {
  const { state } = turn;
  const { sessionId: id, ttlMs, candidate } = participant;
  if (!state.sessions.has(id)) {
    const labels = new Map<string, string>();
    register(turn, { id, numbering: "native", ttlMs, graceMs: 0, labels, principal: "" });
  }
  appendCandidacy(election, state.sessions.get(id)!, candidate, new Map());
}
