// SPDX-License-Identifier: Apache-2.0
/**
 * Calls of the older dialects: their disciplines of numbering, and their verbs, which succeed
 * silently where the native ones refuse (semantics A1, A3, A5).
 */

import { assert, unreachable } from "@conclave/base";
import { remember, type Standing, standingInOrder, standingInSet } from "./answers.ts";
import { bind, isBound, unbind } from "./binding.ts";
import { joinElection, leaveElection, rebind } from "./candidate-commands.ts";
import type { DialectCall, DialectOperation } from "./dialect-command.ts";
import { dialectDone } from "./dialect-done.ts";
import { deleteElection, findElection, openElection } from "./directory.ts";
import { findCandidacy, removeCandidacies } from "./election.ts";
import { closeStream, openStream } from "./event-stream.ts";
import { keyText, type PrimitiveKey } from "./key.ts";
import { settle } from "./office.ts";
import type { Election, Session } from "./records.ts";
import type { DialectDone, Refused, Reply } from "./reply.ts";
import { answerOnce, replayed } from "./request-replies.ts";
import { restoreLatch } from "./restore-latch.ts";
import { findSession } from "./session-commands.ts";
import { steer } from "./steering.ts";
import { refused, type Turn } from "./turn.ts";

export function applyDialectCall(turn: Turn, call: DialectCall): Reply {
  if (call.sessionId === 0n) return executeForNobody(turn, call);
  const session = findSession(turn.state, call.sessionId);
  if ("reason" in session) return session;
  const { order } = call;
  const { unacknowledgedPerSessionMax } = turn.state.limits;
  const { answers } = session;
  switch (order.kind) {
    case "free":
      return execute(turn, session, call);
    case "once": {
      const id = `d:${session.id}:${order.number}:${keyText(call.operation.key)}`;
      return answerOnce(turn.state, id, contentOf(call.operation), () =>
        execute(turn, session, call),
      );
    }
    case "strict": {
      if (session.numbering !== "s0") return refused("session_mismatch");
      // What is given up goes with the execution, which counts on from this call's own number.
      const last = Math.max(answers.last, order.voidThrough ?? 0);
      const standing = standingInOrder(answers, order.number, last, unacknowledgedPerSessionMax);
      return answerNumbered(turn, session, call, order.number, standing);
    }
    case "set": {
      if (session.numbering !== "s1") return refused("session_mismatch");
      const standing = standingInSet(answers, order.number, unacknowledgedPerSessionMax);
      return answerNumbered(turn, session, call, order.number, standing);
    }
    default:
      return unreachable(order);
  }
}

function answerNumbered(
  turn: Turn,
  session: Session,
  call: DialectCall,
  number: number,
  standing: Standing,
): Reply {
  switch (standing.kind) {
    case "answered":
      return replayed(standing.reply);
    case "refused":
      return refused(standing.reason);
    case "fresh": {
      const reply = execute(turn, session, call);
      remember(session.answers, number, reply);
      return reply;
    }
    default:
      return unreachable(standing);
  }
}

function execute(turn: Turn, session: Session, call: DialectCall): DialectDone | Refused {
  const { operation } = call;
  const election = findElection(turn.state, operation.key);
  switch (operation.kind) {
    case "create":
      return create(turn, session, operation.key);
    case "close":
      return close(turn, session, election, call);
    case "delete":
      return remove(turn, election);
    case "restore":
      return restoreLatch(turn, operation);
    case "pass":
      return dialectDone(turn, undefined, false);
    default:
      break;
  }
  // Clients of S0 and S1 create what they use; those of S2 to S4 may call first.
  const mustCreate = call.order.kind === "strict" || call.order.kind === "set";
  if (mustCreate && (election === undefined || !isBound(session, election))) {
    return refused("not_created");
  }
  if (operation.kind === "events") return events(turn, session, election, call);
  if (operation.kind === "enter") {
    return enter(turn, session, operation.key, operation.candidate);
  }
  return move(turn, election, operation);
}

/** For a caller without a session, to whom only what binds none is open. */
function executeForNobody(turn: Turn, { operation }: DialectCall): DialectDone | Refused {
  const election = findElection(turn.state, operation.key);
  if (operation.kind === "delete") return remove(turn, election);
  if (operation.kind === "restore") return restoreLatch(turn, operation);
  if (operation.kind === "create") {
    const opened = openElection(turn, operation.key);
    return "reason" in opened ? opened : dialectDone(turn, opened, false);
  }
  assert(isMove(operation), "E19: what binds a session has one");
  return move(turn, election, operation);
}

type Move = Extract<DialectOperation, { readonly candidate: string }>;

/** Whoever asks; somebody unknown stays as he is, silently (semantics A1). */
function move(turn: Turn, election: Election | undefined, operation: Move): DialectDone {
  const { kind, candidate } = operation;
  assert(kind !== "enter", "E19: what binds a session has one");
  const candidacy = election && findCandidacy(election, candidate);
  if (candidacy === undefined) return dialectDone(turn, election, false, kind);
  if (kind === "withdraw") {
    leaveElection(turn, candidacy);
    return dialectDone(turn, election, true, kind);
  }
  return dialectDone(turn, election, steer(turn, candidacy, kind, ""), kind);
}

function isMove(operation: DialectOperation): operation is Move {
  return "candidate" in operation;
}

function create(turn: Turn, session: Session, key: PrimitiveKey): DialectDone | Refused {
  const election = openElection(turn, key);
  if ("reason" in election) return election;
  bind(turn.state, session, election);
  return dialectDone(turn, election, false);
}

/** As if the session ended, for one primitive: its candidacies leave, then its own streams end. */
function close(
  turn: Turn,
  session: Session,
  election: Election | undefined,
  call: DialectCall,
): DialectDone | Refused {
  const isOpen = election !== undefined && isBound(session, election);
  if (!isOpen && call.order.kind === "set") return refused("not_created");
  if (election === undefined) return dialectDone(turn, undefined, false);
  if (isOpen) {
    unbind(turn.state, session, election);
    turn.primitivesClosed.push({ sessionId: session.id, primitiveId: election.createdIndex });
  }
  const leaderBefore = election.queue[0];
  const before = leaderBefore?.view;
  const cause = leaderBefore?.session === session ? "resigned" : "withdrawn";
  const left = removeCandidacies(election, (candidacy) => candidacy.session === session);
  if (left.length > 0) settle(turn, election, before, { cause, left });
  for (const stream of session.streams.values()) {
    if (stream.election === election) closeStream(turn, stream);
  }
  return dialectDone(turn, election, left.length > 0);
}

function remove(turn: Turn, election: Election | undefined): DialectDone {
  if (election === undefined) return dialectDone(turn, undefined, false);
  deleteElection(turn, election, "");
  return dialectDone(turn, undefined, true);
}

function enter(
  turn: Turn,
  session: Session,
  key: PrimitiveKey,
  candidate: string,
): DialectDone | Refused {
  const election = openElection(turn, key);
  if ("reason" in election) return election;
  const candidacy = findCandidacy(election, candidate);
  if (candidacy === undefined) {
    const problem = joinElection(turn, election, session, candidate, new Map());
    return problem ?? dialectDone(turn, election, true, "enter");
  }
  if (candidacy.session === session) return dialectDone(turn, election, false, "enter");
  if (candidacy.session.principal !== session.principal) return refused("permission_denied");
  return dialectDone(turn, election, rebind(turn, candidacy, session), "enter");
}

function events(
  turn: Turn,
  session: Session,
  election: Election | undefined,
  call: DialectCall,
): DialectDone | Refused {
  const { order } = call;
  if (order.kind !== "strict" || election === undefined) return refused("not_created");
  if (session.streams.size >= turn.state.limits.streamsPerSessionMax) {
    return refused("too_many_streams");
  }
  openStream(turn, session, order.number, election);
  return dialectDone(turn, election, false, "watch");
}

/**
 * Everything that the caller asks for, in one text. Field by field, since the order of an object's
 * properties is that of whoever made it, and the text is state. The sessions that a node has drawn for
 * a Restore are others when it is asked again.
 */
function contentOf(operation: DialectOperation): string {
  if (operation.kind !== "restore") {
    const candidate = "candidate" in operation ? operation.candidate : null;
    return JSON.stringify([operation.kind, candidate]);
  }
  const { kind, term, leader = null, participants } = operation;
  const list = participants.map(({ candidate }) => candidate);
  return JSON.stringify([kind, `${term}`, leader, list]);
}
