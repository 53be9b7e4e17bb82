// SPDX-License-Identifier: Apache-2.0
/**
 * The rules E1 to E16 that hold of every partition between two entries (docs/invariants.md).
 *
 * Linear in the whole state: called on what a snapshot held, by tests, and by the harness; the hot
 * path asserts what it touches.
 */

import { assert } from "@conclave/base";
import { boundElections } from "./binding.ts";
import { findCandidacy, metadataBytes } from "./election.ts";
import { isIdle } from "./idleness.ts";
import { keyText } from "./key.ts";
import { hasTwins } from "./member.ts";
import type { PartitionState } from "./partition.ts";
import type { Election, EventStream, Session } from "./records.ts";
import { textsFrom } from "./sorted-texts.ts";

/** Stops the program where a rule does not hold. */
export function assertPartitionValid(state: PartitionState): void {
  let bindings = 0;
  let candidacies = 0;
  for (const [id, session] of state.sessions) {
    assert(session.id === id, "E7: a session is found under its own id");
    assert(!state.endedSessions.has(id), "E8: a session that ended never comes back");
    assertSessionValid(state, session);
    candidacies += session.candidacies.size;
    bindings += session.bound.size;
    for (const election of boundElections(state, session)) {
      const isKnown = election.boundBy?.has(session) === true;
      assert(isKnown, "E14: an election knows the sessions that have created it");
    }
  }
  let queued = 0;
  for (const [text, election] of state.elections) {
    assert(text === election.text, "E15: an election is found under its own key");
    assertElectionValid(state, election);
    queued += election.queue.length;
    bindings -= election.boundBy?.size ?? 0;
  }
  assert(bindings === 0, "E14: sessions are bound to elections that exist, and to no others");
  assert(queued === candidacies, "E7: sessions and elections agree on who is a candidate");
  assertDirectoryValid(state);
  assertMembersValid(state);
  assertBounded(state);
}

function assertElectionValid(state: PartitionState, election: Election): void {
  const { queue } = election;
  assert(queue.length <= state.limits.candidatesPerElectionMax, "E1: the list is bounded");
  const names = new Set(queue.map(({ view }) => view.name));
  assert(names.size === queue.length, "E2: a candidate is in the list at most once");
  let bytes = 0;
  for (const candidacy of queue) {
    const { session, view } = candidacy;
    assert(candidacy.election === election, "E7: a candidacy knows its election");
    assert(view.sessionId === session.id, "E7: a candidate is shown under its own session");
    assert(state.sessions.get(session.id) === session, "E7: a candidate's session lives");
    assert(session.candidacies.has(candidacy), "E7: a session knows its candidacies");
    assert(findCandidacy(election, view.name) === candidacy, "E2: a name finds its candidacy");
    bytes += metadataBytes(view.metadata);
  }
  assert(bytes === election.metadataBytes, "E1: the bytes of metadata are counted");
  assert(queue.length === 0 || election.term > 0n, "E4: a leader has a term");
  assert(queue.length === 0 || election.isLed, "E4: an election with a leader has been led");
  assert(election.revision <= state.revision, "E5: no election is ahead of its partition");
  assert(election.createdRevision <= state.revision, "E5: no election is ahead of its partition");
  for (const stream of election.streams) {
    assert(stream.election === election, "E13: an election and its streams know each other");
  }
}

function assertSessionValid(state: PartitionState, session: Session): void {
  const { answers } = session;
  assert(session.officeRevision <= state.revision, "E11: no office is ahead of its partition");
  const leads = [...session.candidacies].filter((c) => c.election.queue[0] === c);
  for (const { election } of leads) {
    assert(session.officeRevision > 0n, "E11: a leader's session has an office revision");
    assert(election.isLed, "E4: an election with a leader has been led");
  }
  const { unacknowledgedPerSessionMax } = state.limits;
  assert(answers.replies.size <= unacknowledgedPerSessionMax, "E10: replies are bounded");
  for (const number of answers.replies.keys()) {
    const isKept = number > answers.acknowledged || answers.open.has(number);
    assert(isKept, "E9: nothing acknowledged is kept");
  }
  for (const stream of session.streams.values()) assertStreamValid(state, stream);
}

function assertStreamValid(state: PartitionState, stream: EventStream): void {
  const { messages, election, lastResponseId } = stream;
  // One more than the bound: the message that says that the stream has ended.
  const isBounded = messages.length <= state.limits.unacknowledgedPerStreamMax + 1;
  assert(isBounded, "E13: a stream's messages are bounded");
  for (const [i, message] of messages.entries()) {
    const expected = lastResponseId - messages.length + 1 + i;
    assert(message.responseId === expected, "E13: a stream's numbers have no gap");
    assert((message.type === "event") === (message.term !== undefined), "E13: an event has a term");
  }
  const isKnown = election === undefined || election.streams.includes(stream);
  assert(isKnown, "E13: an election and its streams know each other");
}

function assertDirectoryValid(state: PartitionState): void {
  let previous = "";
  let listed = 0;
  for (const text of textsFrom(state.keys, "")) {
    assert(text > previous, "E15: keys are listed in order");
    assert(state.elections.has(text), "E15: what is listed exists");
    previous = text;
    listed += 1;
  }
  assert(listed === state.elections.size, "E15: what exists is listed");
  for (const text of state.tombstones.keys()) {
    const isGone = !state.elections.has(text);
    assert(isGone, "E6: a name has an election or a tombstone, never both");
  }
  let idleIndex = 0n;
  for (const election of state.idle) {
    assert(election.idleIndex >= idleIndex, "E16: the longest idle comes first");
    assert(state.elections.get(election.text) === election, "E16: what is idle exists");
    idleIndex = election.idleIndex;
  }
  for (const election of state.elections.values()) {
    assert(state.idle.has(election) === isIdle(election), "E16: idle is vacant and unbound");
    assert(keyText(election.key) === election.text, "E15: an election is found under its own key");
  }
}

function assertMembersValid({ members, invited, limits }: PartitionState): void {
  const all = [...members, ...invited];
  assert(!hasTwins(all), "E18: a member is listed once");
  assert(all.length <= limits.membersMax, "E18: members are bounded");
  assert(invited.length === 0 || members.length > 0, "E18: only members can invite");
}

function assertBounded(state: PartitionState): void {
  const { limits } = state;
  assert(state.elections.size <= limits.electionsMax, "E12: elections are bounded");
  assert(state.sessions.size <= limits.sessionsMax, "E12: sessions are bounded");
  assert(state.tombstones.size <= limits.tombstonesMax, "E12: tombstones are bounded");
  assert(state.endedSessions.size <= limits.endedSessionsMax, "E12: ended sessions are bounded");
  assert(state.requestReplies.size <= limits.requestRepliesMax, "E12: kept replies are bounded");
}
