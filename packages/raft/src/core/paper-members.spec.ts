// SPDX-License-Identifier: Apache-2.0
/** Sentences of the Raft paper on members and reads (6, 8), with their sections. */

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
  proposalOf,
  sentOf,
  settle,
  tick,
} from "../golden/lone-member.ts";
import type { ReplicaId } from "../ids.ts";
import { encodeConfiguration } from "../log/configuration.ts";
import { WAITING_READS_MAX } from "./config.ts";
import type { RaftEvent } from "./event.ts";
import type { RaftState } from "./state.ts";
import { step } from "./step.ts";

const changeTo = (
  voters: readonly ReplicaId[],
  learners: readonly ReplicaId[] = [],
): RaftEvent => ({
  kind: "change-configuration",
  change: 1,
  voters,
  learners,
});
const answerOf = (state: RaftState, round: number) =>
  ({ kind: "heartbeat-response", raftTerm: state.raftTerm, round }) as const;
const inUse = ({ configurations }: RaftState) => configurations.inUse.configuration;

/** A leader of 1, 2 and 3, all heard, with the learners 4 and 5 that have all it has. */
function leaderWithLearners(): RaftState {
  const state = announcedLeader({ learners: [4, 5] });
  for (const from of [3, 4, 5]) hear(state, from, accepted(state, 1));
  return state;
}

test("6: a member uses the newest configuration in its log, committed or not", () => {
  const state = memberFrom();
  const configuration = { voters: [1, 2, 4], outgoing: [1, 2, 3], learners: [] };
  const entry = { ...entriesFrom(1, 1)[0]!, type: "configuration" } as const;

  hear(state, 2, appendOf(1, [0, 0], [{ ...entry, bytes: encodeConfiguration(configuration) }]));
  expect([inUse(state), state.commitIndex]).toEqual([configuration, 0]);
  hear(state, 3, appendOf(2, [0, 0], entriesFrom(1, 2)));

  expect(inUse(state).voters).toEqual([1, 2, 3]);
});

test("6: the leader first appends the joint configuration, and sends it to old and new members", () => {
  const state = leaderWithLearners();

  const effects = step(state, changeTo([1, 4, 5]));

  expect(inUse(state)).toEqual({ voters: [1, 4, 5], outgoing: [1, 2, 3], learners: [] });
  expect(sentOf(effects, "append-entries").map(({ to }) => to)).toEqual([2, 3, 4, 5]);
});

test("6: joint agreement needs separate majorities of the old and of the new members", () => {
  const state = leaderWithLearners();
  step(state, changeTo([1, 4, 5]));
  persisted(state);

  hear(state, 4, accepted(state, 2));
  hear(state, 5, accepted(state, 2));
  expect(state.commitIndex).toBe(1);
  hear(state, 3, accepted(state, 2));

  expect(state.commitIndex).toBe(2);
});

test("6: once the joint configuration has committed the leader appends the new one", () => {
  const state = leaderWithLearners();
  step(state, changeTo([1, 4, 5]));
  persisted(state);
  hear(state, 4, accepted(state, 2));

  const effects = hear(state, 3, accepted(state, 2));

  expect(inUse(state)).toEqual({ voters: [1, 4, 5], outgoing: [], learners: [] });
  expect(persistsOf(effects)[0]!.entries).toMatchObject([{ index: 3, type: "configuration" }]);
});

test("6: a leader that comes to power in a joint configuration completes the change", () => {
  const state = memberFrom({ raftTerm: 1 });
  const joint = { voters: [1, 2], outgoing: [1, 2, 3], learners: [] };
  const entry = { ...entriesFrom(1, 1)[0]!, type: "configuration" } as const;
  settle(
    state,
    hear(state, 3, appendOf(1, [0, 0], [{ ...entry, bytes: encodeConfiguration(joint) }])),
  );
  passTimeout(state);
  hear(state, 2, { kind: "pre-vote-response", raftTerm: 2, isGranted: true });
  step(state, { kind: "vote-persisted", raftTerm: 2 });
  hear(state, 2, { kind: "vote-response", raftTerm: 2, isGranted: true });
  persisted(state);

  hear(state, 2, accepted(state, 2));

  expect(inUse(state)).toEqual({ voters: [1, 2], outgoing: [], learners: [] });
});

test("6: an election in a joint configuration needs both majorities", () => {
  const state = memberFrom({ raftTerm: 1 });
  const joint = { voters: [1, 4, 5], outgoing: [1, 2, 3], learners: [] };
  const entry = { ...entriesFrom(1, 1)[0]!, type: "configuration" } as const;
  settle(
    state,
    hear(state, 2, appendOf(1, [0, 0], [{ ...entry, bytes: encodeConfiguration(joint) }])),
  );
  passTimeout(state);

  hear(state, 4, { kind: "pre-vote-response", raftTerm: 2, isGranted: true });
  hear(state, 5, { kind: "pre-vote-response", raftTerm: 2, isGranted: true });
  expect(state.role.kind).toBe("pre-candidate");
  hear(state, 3, { kind: "pre-vote-response", raftTerm: 2, isGranted: true });

  expect(state.role.kind).toBe("candidate");
});

test("6: a leader that is not in the new configuration leads until that has committed", () => {
  const state = leaderWithLearners();
  step(state, changeTo([2, 4, 5]));
  persisted(state);
  for (const from of [2, 4]) hear(state, from, accepted(state, 2));
  persisted(state);
  expect(inUse(state).voters).toEqual([2, 4, 5]);
  hear(state, 4, accepted(state, 3));
  expect(state.role.kind).toBe("leader");

  const effects = hear(state, 5, accepted(state, 3));

  expect(state.role.kind).toBe("follower");
  expect(sentOf(effects, "timeout-now").map(({ to }) => to)).toEqual([4]);
});

test("6: members are added as learners, which neither vote nor count", () => {
  const state = leaderWithLearners();
  step(state, proposalOf("a"));
  persisted(state);

  for (const from of [4, 5]) hear(state, from, accepted(state, 2));

  expect(state.commitIndex).toBe(1);
});

test("6: a learner does not stand for election", () => {
  const state = memberFrom({ voters: [2, 3], learners: [1] });

  expect(tick(state, 100)).toEqual([]);
});

test("6: a learner gives its vote all the same: the candidate may know that it votes by now", () => {
  const state = memberFrom({ voters: [2, 3], learners: [1] });
  const last = { lastLogIndex: 0, lastLogRaftTerm: 0 };

  const effects = hear(state, 2, { kind: "vote-request", raftTerm: 1, ...last, isTransfer: false });

  expect(persistsOf(effects)[0]!.thenSend).toMatchObject([{ to: 2, message: { isGranted: true } }]);
});

test("thesis 4.1: no change before an entry of the leader's own term has committed", () => {
  const state = leaderFrom({ learners: [4] });

  const refused = { kind: "change-refused", change: 1, reason: "raft-term-too-young" };
  expect(step(state, changeTo([1, 2, 3, 4]))).toEqual([refused]);
});

test("thesis 4.1: no change while one is under way", () => {
  const state = leaderWithLearners();
  step(state, changeTo([1, 2, 3, 4]));

  const refused = { kind: "change-refused", change: 1, reason: "change-under-way" };
  expect(step(state, changeTo([1, 2, 3]))).toEqual([refused]);
});

test("ours: a change that nobody needs, or nobody leads, is refused", () => {
  const unchanged = { kind: "change-refused", change: 1, reason: "unchanged" };
  expect(step(leaderWithLearners(), changeTo([3, 2, 1], [5, 4]))).toEqual([unchanged]);
  const notLeader = { kind: "change-refused", change: 1, reason: "not-leader" };
  expect(step(memberFrom(), changeTo([1, 2]))).toEqual([notLeader]);
});

test("ours: a change to voters of whom no majority is heard is refused", () => {
  const state = leaderWithLearners();

  const refused = { kind: "change-refused", change: 1, reason: "would-lose-quorum" };
  expect(step(state, changeTo([1, 6, 7]))).toEqual([refused]);
  expect(step(state, changeTo([]))).toEqual([refused]);
});

test("8: a leader commits a blank no-op entry at the start of its term", () => {
  const state = leaderFrom({ log: [1] });

  expect(state.log.last).toEqual({ index: 2, raftTerm: 2 });
});

test("8: a read waits until an entry of the leader's own term has committed", () => {
  const state = leaderFrom();
  expect(step(state, { kind: "confirm", reads: [7] })).toEqual([]);
  persisted(state);

  expect(
    sentOf(hear(state, 2, accepted(state, 1)), "heartbeat").map(({ message }) => message.round),
  ).toContain(2);
  const effects = hear(state, 2, answerOf(state, 2));

  expect(effects).toContainEqual({ kind: "confirmed", read: 7, index: 1, raftTerm: 1 });
});

test("8: the leader exchanges heartbeats with a majority before it answers a read", () => {
  const state = announcedLeader();

  const effects = step(state, { kind: "confirm", reads: [7, 8] });

  expect(sentOf(effects, "heartbeat").map(({ to, message }) => [to, message.round])).toEqual([
    [2, 2],
    [3, 2],
  ]);
  expect(hear(state, 3, answerOf(state, 1))).toEqual([]);
  expect(hear(state, 3, answerOf(state, 2))).toMatchObject([{ read: 7 }, { read: 8 }]);
});

test("8: an answer to a later round answers the earlier ones", () => {
  const state = announcedLeader();
  step(state, { kind: "confirm", reads: [7] });
  step(state, { kind: "confirm", reads: [8] });

  expect(hear(state, 3, answerOf(state, 3))).toMatchObject([{ read: 7 }, { read: 8 }]);
});

test("8: in a joint configuration a read needs the answers of both majorities", () => {
  const state = leaderWithLearners();
  step(state, changeTo([1, 4, 5]));
  step(state, { kind: "confirm", reads: [7] });

  for (const from of [4, 5]) expect(hear(state, from, answerOf(state, 2))).toEqual([]);
  expect(hear(state, 3, answerOf(state, 2))).toMatchObject([{ kind: "confirmed", read: 7 }]);
});

test("8: learners answer no read", () => {
  const state = leaderWithLearners();
  step(state, { kind: "confirm", reads: [7] });

  expect(hear(state, 4, answerOf(state, 2))).toEqual([]);
});

test("8: a member that does not lead confirms no read, and one that ceases to lead none that is open", () => {
  const refused = { kind: "not-confirmed", read: 7, reason: "not-leader" };
  expect(step(memberFrom(), { kind: "confirm", reads: [7] })).toEqual([refused]);

  const state = announcedLeader();
  step(state, { kind: "confirm", reads: [7] });

  expect(tick(state, 20)).toContainEqual(refused);
});

test("ours: the reads that wait are bounded", () => {
  const state = announcedLeader();
  const reads = Array.from({ length: WAITING_READS_MAX + 1 }, (_, i) => i);

  const effects = step(state, { kind: "confirm", reads });

  const refused = effects.filter(({ kind }) => kind === "not-confirmed");
  expect(refused).toEqual([
    { kind: "not-confirmed", read: WAITING_READS_MAX, reason: "overloaded" },
  ]);
});

test("thesis 3.10: a leader that hands over takes no proposals until an election timeout has passed", () => {
  const state = announcedLeader();
  step(state, { kind: "transfer", to: 2 });
  expect(step(state, proposalOf("a"))).toMatchObject([{ reason: "not-leader" }]);
  for (let i = 0; i < CONFIG.electionTicks.min; i++) {
    tick(state);
    hear(state, 2, answerOf(state, 1));
  }

  expect(step(state, proposalOf("a"))[0]).toMatchObject({ kind: "proposed" });
});

test("thesis 3.10: the leader hands over when the successor has its whole log, and not before", () => {
  const state = announcedLeader();
  step(state, proposalOf("a"));
  expect(sentOf(step(state, { kind: "transfer", to: 2 }), "timeout-now")).toEqual([]);

  const effects = hear(state, 2, accepted(state, 2));

  expect(sentOf(effects, "timeout-now").map(({ to }) => to)).toEqual([2]);
});
