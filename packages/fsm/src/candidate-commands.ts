// SPDX-License-Identifier: Apache-2.0
/**
 * What a session does about its own candidacies, natively: each command is executed once, and what
 * cannot be done is refused with a reason that is remembered like any other answer (semantics A1, A3).
 */

import { unreachable } from "@conclave/base";
import { acknowledge, remember, standingInSet } from "./answers.ts";
import type { CandidateCommand, Enter, Metadata, UpdateMetadata, Withdraw } from "./command.ts";
import { findElection, openElection } from "./directory.ts";
import {
  appendCandidacy,
  bindCandidacy,
  findCandidacy,
  metadataBytes,
  removeCandidacy,
  replaceMetadata,
  sameMetadata,
} from "./election.ts";
import { settle } from "./office.ts";
import type { Candidacy, Election, Session } from "./records.ts";
import type { Done, Refused, Reply } from "./reply.ts";
import { replayed } from "./request-replies.ts";
import { findSession } from "./session-commands.ts";
import { refused, type Turn } from "./turn.ts";
import type { CandidateView } from "./view.ts";

export function applyCandidateCommand(turn: Turn, command: CandidateCommand): Reply {
  const { limits } = turn.state;
  const session = findSession(turn.state, command.id.sessionId);
  if ("reason" in session) return session;
  if (session.numbering !== "native") return refused("session_mismatch");
  acknowledge(session.answers, command.id.acknowledged);
  const standing = standingInSet(
    session.answers,
    command.id.number,
    limits.unacknowledgedPerSessionMax,
  );
  switch (standing.kind) {
    case "answered":
      return replayed(standing.reply);
    case "refused":
      return refused(standing.reason);
    case "fresh": {
      const reply = execute(turn, session, command);
      remember(session.answers, command.id.number, reply);
      return reply;
    }
    default:
      return unreachable(standing);
  }
}

/** The answer as of now; `leading` is about the candidate under this session. */
export function done(turn: Turn, election: Election, candidacy: Candidacy | undefined): Done {
  return {
    kind: "done",
    revision: turn.state.revision,
    term: election.term,
    leading: candidacy !== undefined && election.queue[0] === candidacy,
    changed: true,
    replayed: false,
  };
}

export function unchanged(reply: Done): Done {
  return { ...reply, changed: false };
}

/** Appends a new candidate, or says why there is no room. */
export function joinElection(
  turn: Turn,
  election: Election,
  session: Session,
  name: string,
  metadata: Metadata,
): Refused | undefined {
  const { limits } = turn.state;
  const position = election.queue.length;
  if (position >= limits.candidatesPerElectionMax) return refused("too_many_candidates");
  if (!hasRoomFor(turn, election, metadata, undefined)) return refused("metadata_full");
  const leaderBefore = election.queue[0]?.view;
  const { view } = appendCandidacy(election, session, name, metadata);
  settle(turn, election, leaderBefore, {
    cause: "entered",
    joined: [{ candidate: view, position }],
  });
  return undefined;
}

/** Takes one candidate out of its own will. */
export function leaveElection(turn: Turn, candidacy: Candidacy): void {
  const { election } = candidacy;
  const leaderBefore = election.queue[0]?.view;
  const cause = election.queue[0] === candidacy ? "resigned" : "withdrawn";
  const left = [removeCandidacy(candidacy)];
  settle(turn, election, leaderBefore, { cause, left });
}

/**
 * Gives a candidacy to another session, in place. A leading one is taken anew, under a new term, or
 * two processes would hold one fencing number; for a waiting one nothing changes that is seen.
 *
 * @param metadata taken together with the office; a waiting candidacy keeps what it has.
 * @returns whether anything changed that is seen.
 */
export function rebind(
  turn: Turn,
  candidacy: Candidacy,
  session: Session,
  metadata: Metadata = candidacy.view.metadata,
): boolean {
  const { election } = candidacy;
  const leaderBefore = election.queue[0]?.view;
  const before = candidacy.view;
  bindCandidacy(candidacy, session);
  if (election.queue[0] !== candidacy) return false;
  replaceMetadata(candidacy, metadata);
  const updated = [{ candidate: candidacy.view, before }];
  settle(turn, election, leaderBefore, { cause: "entered", updated });
  return true;
}

function execute(turn: Turn, session: Session, command: CandidateCommand): Done | Refused {
  switch (command.kind) {
    case "enter":
      return enter(turn, session, command);
    case "withdraw":
      return withdraw(turn, session, command);
    case "update-metadata":
      return updateMetadata(turn, session, command);
    default:
      return unreachable(command);
  }
}

function enter(turn: Turn, session: Session, command: Enter): Done | Refused {
  const existing = findElection(turn.state, command.key);
  const candidacy = existing && findCandidacy(existing, command.candidate);
  if (candidacy === undefined) return enterNew(turn, session, command);
  const isHeld = candidacy.session !== session;
  if (isHeld && !command.takeover) return refused("held_by_another_session");
  const { election, view: before } = candidacy;
  if (!hasRoomFor(turn, election, command.metadata, candidacy)) return refused("metadata_full");
  const isOfficeTaken = isHeld && rebind(turn, candidacy, session, command.metadata);
  const isChanged = takeMetadata(turn, candidacy, command.metadata, before) || isOfficeTaken;
  const reply = done(turn, election, candidacy);
  return isChanged ? reply : unchanged(reply);
}

function enterNew(turn: Turn, session: Session, command: Enter): Done | Refused {
  const election = openElection(turn, command.key);
  if ("reason" in election) return election;
  const problem = joinElection(turn, election, session, command.candidate, command.metadata);
  if (problem !== undefined) return problem;
  return done(turn, election, election.queue.at(-1));
}

function withdraw(turn: Turn, session: Session, command: Withdraw): Done | Refused {
  const candidacy = findOwn(turn, session, command);
  if ("reason" in candidacy) return candidacy;
  leaveElection(turn, candidacy);
  return done(turn, candidacy.election, undefined);
}

function updateMetadata(turn: Turn, session: Session, command: UpdateMetadata): Done | Refused {
  const candidacy = findOwn(turn, session, command);
  if ("reason" in candidacy) return candidacy;
  const { election } = candidacy;
  if (!hasRoomFor(turn, election, command.metadata, candidacy)) return refused("metadata_full");
  const isChanged = takeMetadata(turn, candidacy, command.metadata);
  const reply = done(turn, election, candidacy);
  return isChanged ? reply : unchanged(reply);
}

function findOwn(
  turn: Turn,
  session: Session,
  command: Withdraw | UpdateMetadata,
): Candidacy | Refused {
  const election = findElection(turn.state, command.key);
  if (election === undefined) return refused("no_such_election");
  const candidacy = findCandidacy(election, command.candidate);
  if (candidacy === undefined) return refused("not_a_candidate");
  return candidacy.session === session ? candidacy : refused("held_by_another_session");
}

/**
 * Takes new metadata in place; answers whether it differs.
 *
 * @param before what was seen before the command, where that has bound it to another session.
 */
function takeMetadata(
  turn: Turn,
  candidacy: Candidacy,
  metadata: Metadata,
  before: CandidateView = candidacy.view,
): boolean {
  if (sameMetadata(candidacy.view.metadata, metadata)) return false;
  const { election } = candidacy;
  const leaderBefore = election.queue[0]?.view;
  replaceMetadata(candidacy, metadata);
  const updated = [{ candidate: candidacy.view, before }];
  settle(turn, election, leaderBefore, { cause: "metadata", updated });
  return true;
}

function hasRoomFor(
  turn: Turn,
  election: Election,
  metadata: Metadata,
  instead: Candidacy | undefined,
): boolean {
  if (metadata.size === 0) return true;
  const freed = instead === undefined ? 0 : metadataBytes(instead.view.metadata);
  const bytes = election.metadataBytes - freed + metadataBytes(metadata);
  return bytes <= turn.state.limits.metadataBytesPerElectionMax;
}
