// SPDX-License-Identifier: Apache-2.0
/** Sentences of the Raft paper on the log and its commitment (5.3, 5.4, 5.5), with their sections. */

import { expect, test } from "vitest";
import {
  accepted,
  announcedLeader,
  appendOf,
  CONFIG,
  entriesFrom,
  hear,
  leaderFrom,
  memberFrom,
  passTimeout,
  persisted,
  persistsOf,
  promisesOf,
  proposalOf,
  raftTermsOf,
  sendsOf,
  sentOf,
  settle,
  tick,
} from "../golden/lone-member.ts";
import type { RaftMessage } from "./message.ts";
import type { RaftState } from "./state.ts";
import { step } from "./step.ts";

const rejected = (
  raftTerm: number,
  rejectedIndex: number,
  hint: readonly [number, number],
): RaftMessage => ({
  kind: "append-entries-rejected",
  raftTerm,
  rejectedIndex,
  conflictIndex: hint[0],
  conflictRaftTerm: hint[1],
  lastLogIndex: rejectedIndex,
});

/** A leader, of raftTerm 1, with whom 2 and 3 agree up to its no-op at 1. */
function leaderHeardByAll(): RaftState {
  const state = announcedLeader();
  settle(state, hear(state, 3, accepted(state, 1)));
  return state;
}

test("5.3: the leader appends the command to its log and sends it to all others in parallel", () => {
  const state = leaderHeardByAll();

  const effects = step(state, proposalOf("a"));

  expect(persistsOf(effects)[0]!.entries).toMatchObject([{ index: 2, raftTerm: 1 }]);
  expect(sentOf(effects, "append-entries")).toMatchObject([
    { to: 2, message: { prevLogIndex: 1, prevLogRaftTerm: 1, from: 2, through: 2 } },
    { to: 3, message: { prevLogIndex: 1, prevLogRaftTerm: 1, from: 2, through: 2 } },
  ]);
});

test("5.3: the leader sends again what gets no answer, as soon as the follower is there", () => {
  const state = leaderHeardByAll();
  step(state, proposalOf("a"));
  tick(state, 6);

  const again = hear(state, 2, { kind: "heartbeat-response", raftTerm: 1, round: 1 });
  expect(sentOf(again, "append-entries")).toMatchObject([
    { message: { prevLogIndex: 2, through: 2 } },
  ]);
  const effects = hear(state, 2, rejected(1, 2, [1, 1]));

  expect(sentOf(effects, "append-entries")).toMatchObject([{ message: { from: 2, through: 2 } }]);
});

test("5.3: an entry is committed once the leader has replicated it on a majority, and not before", () => {
  const state = leaderHeardByAll();
  step(state, proposalOf("a"));
  persisted(state);
  expect(state.commitIndex).toBe(1);

  const effects = hear(state, 3, accepted(state, 2));

  expect(state.commitIndex).toBe(2);
  expect(effects).toContainEqual({ kind: "apply", to: 2 });
});

test("5.3: what is committed by others before the leader's own sync is applied after it", () => {
  const state = leaderHeardByAll();
  step(state, proposalOf("a"));
  hear(state, 2, accepted(state, 2));
  const early = hear(state, 3, accepted(state, 2));
  expect([state.commitIndex, early.filter(({ kind }) => kind === "apply")]).toEqual([2, []]);

  expect(persisted(state)).toContainEqual({ kind: "apply", to: 2 });
});

test("5.3: the leader's own entries count only after its own sync", () => {
  const state = leaderHeardByAll();
  step(state, proposalOf("a"));

  hear(state, 3, accepted(state, 2));

  expect(state.commitIndex).toBe(1);
});

test("5.3: to commit an entry commits all before it, entries of earlier leaders too", () => {
  const state = leaderFrom({ log: [1, 1, 2] });
  persisted(state);

  const effects = hear(state, 2, accepted(state, 4));

  expect(effects).toContainEqual({ kind: "apply", to: 4 });
});

test("5.3: the leader tells of the highest committed index, and followers apply up to it", () => {
  const leader = leaderHeardByAll();
  expect(sentOf(step(leader, proposalOf("a")), "append-entries")[0]!.message.leaderCommit).toBe(1);

  const follower = memberFrom();
  const effects = hear(follower, 2, appendOf(1, [0, 0], entriesFrom(1, 1, 1), 1));
  settle(follower, effects);

  expect([follower.commitIndex, follower.lastApplied]).toEqual([1, 1]);
});

test("5.3: a follower applies nothing that is not known to equal the leader's log", () => {
  const state = memberFrom({ log: [1, 1, 1] });

  hear(state, 2, appendOf(2, [1, 1], [], 3));

  expect(state.commitIndex).toBe(1);
});

test("5.3: a follower that lacks the entry before the new ones refuses them", () => {
  const state = memberFrom({ log: [1] });

  const effects = hear(state, 2, appendOf(1, [2, 1], entriesFrom(3, 1)));

  expect(sendsOf(effects)).toEqual([
    { to: 2, message: { ...rejected(1, 2, [1, 1]), lastLogIndex: 1 } },
  ]);
});

test("5.3: conflicting entries are overwritten with the leader's, and all that follow them go", () => {
  const state = memberFrom({ log: [1, 1, 2, 2] });

  const effects = hear(state, 2, appendOf(3, [2, 1], entriesFrom(3, 3)));

  expect(raftTermsOf(state)).toEqual([1, 1, 3]);
  expect(effects).toContainEqual({ kind: "truncated", from: 3 });
});

test("5.3: entries that are there already stay, and so does what follows them", () => {
  const state = memberFrom({ log: [1, 1, 1] });

  const effects = hear(state, 2, appendOf(1, [0, 0], entriesFrom(1, 1)));

  expect([raftTermsOf(state), persistsOf(effects)]).toEqual([[1, 1, 1], []]);
});

test("5.3: a committed entry that a leader would overwrite is a bug", () => {
  const state = memberFrom({ log: [1, 1] });
  hear(state, 2, appendOf(1, [2, 1], [], 2));

  expect(() => hear(state, 3, appendOf(2, [2, 2], []))).toThrow(/R11/);
});

test("5.3: entries are acknowledged when they are durable, not before", () => {
  const state = memberFrom();

  const effects = hear(state, 2, appendOf(1, [0, 0], entriesFrom(1, 1)));

  expect(sendsOf(effects)).toEqual([]);
  const message = { kind: "append-entries-accepted", raftTerm: 1, matchIndex: 1 };
  expect(promisesOf(effects)).toEqual([{ to: 2, message }]);
  const again = hear(state, 2, appendOf(1, [0, 0], entriesFrom(1, 1)));
  expect(sendsOf(again)).toEqual([{ to: 2, message: { ...message, matchIndex: 0 } }]);
});

test("5.3: a sync that is told after its entries were cut off acknowledges nothing", () => {
  const state = memberFrom();
  const [first] = persistsOf(hear(state, 2, appendOf(1, [0, 0], entriesFrom(1, 1, 1))));
  hear(state, 3, appendOf(2, [0, 0], entriesFrom(1, 2, 2)));

  step(state, first!.thenStep[0]!);

  expect(state.durableIndex).toBe(0);
});

test("5.3: a new leader begins to send behind its last entry", () => {
  const state = leaderFrom({ log: [1, 1, 2] });
  const { role } = state;

  expect(role.kind === "leader" && role.progress.get(3)!.nextIndex).toBe(4);
});

test("5.3: after a refusal the leader steps back and sends again, a whole term at a time", () => {
  const state = leaderFrom({ log: [1, 1, 3, 3, 3] });

  const effects = hear(state, 2, rejected(4, 5, [5, 2]));

  expect(sentOf(effects, "append-entries")).toMatchObject([
    { to: 2, message: { prevLogIndex: 2, prevLogRaftTerm: 1, from: 3 } },
  ]);
});

test("5.3: a follower names the last entry that could agree, skipping a term that cannot", () => {
  const state = memberFrom({ log: [1, 1, 3, 3, 3] });

  const effects = hear(state, 2, appendOf(4, [5, 2], []));

  const [{ message } = { message: undefined }] = sentOf(effects, "append-entries-rejected");
  expect(message).toMatchObject({ conflictIndex: 2, conflictRaftTerm: 1 });
});

test("5.3: refusals that were overtaken by later news change nothing", () => {
  const state = leaderHeardByAll();

  expect(hear(state, 3, rejected(1, 1, [0, 0]))).toEqual([]);
});

test("5.3: a member that has not agreed yet is sent one message at a time", () => {
  const state = leaderFrom();
  persisted(state);
  settle(state, hear(state, 2, accepted(state, 1)));

  expect(sentOf(step(state, proposalOf("a")), "append-entries").map(({ to }) => to)).toEqual([2]);
});

test("5.3: what is on its way to a slow member is bounded, and goes on as it answers", () => {
  const state = leaderHeardByAll();
  for (let i = 0; i < 3; i++) step(state, proposalOf("a"));
  expect(sentOf(step(state, proposalOf("b")), "append-entries")).toEqual([]);

  const effects = hear(state, 3, accepted(state, 2));

  expect(sentOf(effects, "append-entries")).toMatchObject([
    { to: 3, message: { from: 5, through: 5 } },
  ]);
});

test("5.3: one message holds no more than its bound", () => {
  const state = leaderFrom({ log: Array.from({ length: 9 }, () => 1) });

  const effects = hear(state, 3, rejected(2, 9, [0, 0]));

  const entries = CONFIG.flow.append.entries;
  expect(sentOf(effects, "append-entries")).toMatchObject([
    { message: { from: 1, through: entries } },
  ]);
});

test("5.3: messages that are known to be lost are sent again as soon as the member is heard", () => {
  const state = leaderHeardByAll();
  step(state, proposalOf("a"));
  step(state, { kind: "unreachable", replica: 2 });

  const effects = hear(state, 2, { kind: "heartbeat-response", raftTerm: 1, round: 1 });

  expect(sentOf(effects, "append-entries")).toMatchObject([
    { to: 2, message: { from: 2, through: 2 } },
  ]);
});

test("5.4.2: a leader commits entries of earlier terms by one of its own only", () => {
  const state = leaderFrom({ log: [1, 1, 2] });
  hear(state, 2, accepted(state, 3));
  hear(state, 3, accepted(state, 3));
  expect(state.commitIndex).toBe(0);

  hear(state, 2, accepted(state, 4));
  hear(state, 3, accepted(state, 4));

  expect(state.commitIndex).toBe(4);
});

test("5.4.3: an entry that has been applied is never applied again", () => {
  const state = announcedLeader();

  expect(() => step(state, { kind: "applied", index: 1 })).toThrow(/R5/);
});

test("5.5: entries that are sent twice do no harm", () => {
  const state = memberFrom();
  const message = appendOf(1, [0, 0], entriesFrom(1, 1, 1), 2);
  settle(state, hear(state, 2, message));

  const effects = hear(state, 2, message);

  expect([raftTermsOf(state), state.lastApplied, persistsOf(effects)]).toEqual([[1, 1], 2, []]);
});

test("5.5: entries that were overtaken are answered with what is there", () => {
  const state = memberFrom();
  settle(state, hear(state, 2, appendOf(1, [0, 0], entriesFrom(1, 1, 1), 2)));

  const effects = hear(state, 2, appendOf(1, [0, 0], entriesFrom(1, 1)));

  expect(sendsOf(effects)).toMatchObject([{ message: { matchIndex: 2 } }]);
});

test("ours: followers are told at once that more is committed, each as far as it is known to have it", () => {
  const state = leaderHeardByAll();
  step(state, proposalOf("a"));
  persisted(state);

  const effects = hear(state, 2, accepted(state, 2));

  const notice = { kind: "heartbeat", raftTerm: 1, leaderCommit: 2, round: 0 };
  expect(sentOf(effects, "heartbeat")).toEqual([{ to: 2, message: notice }]);
  expect(sentOf(hear(state, 3, accepted(state, 2)), "heartbeat")).toEqual([
    { to: 3, message: notice },
  ]);
});

test("ours: the notice of a commit is answered by nobody", () => {
  const state = memberFrom({ log: [1] });

  const effects = hear(state, 2, { kind: "heartbeat", raftTerm: 1, leaderCommit: 1, round: 0 });

  expect([state.commitIndex, sendsOf(effects)]).toEqual([1, []]);
});

test("ours: a member that has lost what it acknowledged is found out by the next heartbeat", () => {
  const state = memberFrom();

  const heartbeat = { kind: "heartbeat", raftTerm: 1, leaderCommit: 3, round: 1 } as const;

  expect(() => hear(state, 2, heartbeat)).toThrow(/R12/);
});

test("ours: the bytes that wait for a commit are bounded, and an entry above the bound goes alone", () => {
  const state = announcedLeader();
  const large = "x".repeat(200);
  expect(step(state, proposalOf(large, "y")).slice(0, 2)).toMatchObject([
    { kind: "proposed" },
    { kind: "refused", reason: "overloaded" },
  ]);

  persisted(state);
  hear(state, 2, accepted(state, 2));

  expect(step(state, proposalOf("y"))[0]).toMatchObject({ kind: "proposed" });
});

test("ours: the entries that wait for a commit are bounded", () => {
  const state = announcedLeader();
  const texts = Array.from({ length: CONFIG.uncommittedEntriesMax }, () => "");
  step(state, proposalOf(...texts));

  expect(step(state, proposalOf("y"))).toMatchObject([{ kind: "refused", reason: "overloaded" }]);
});

test("ours: a leadership is told of only when its no-op is applied; proposals before are refused", () => {
  const state = leaderFrom();
  persisted(state);
  hear(state, 2, accepted(state, 1));
  expect(step(state, proposalOf("early"))).toMatchObject([{ reason: "not-leader" }]);

  const effects = step(state, { kind: "applied", index: 1 });

  expect(effects).toEqual([{ kind: "role", role: { kind: "leader", raftTerm: 1 } }]);
});

test("ours: a candidate whose vote is still being written begins no further election", () => {
  const state = memberFrom();
  passTimeout(state);
  hear(state, 2, { kind: "pre-vote-response", raftTerm: 1, isGranted: true });

  tick(state, 50);

  expect([state.role.kind, state.raftTerm]).toEqual(["candidate", 1]);
});
