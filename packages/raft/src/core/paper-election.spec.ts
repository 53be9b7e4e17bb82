// SPDX-License-Identifier: Apache-2.0
/** Sentences of the Raft paper on raftTerms, votes and leaders (5.1, 5.2, 5.4.1), with their sections. */

import { createPrng } from "@conclave/base";
import { expect, test } from "vitest";
import {
  announcedLeader,
  appendOf,
  CONFIG,
  candidateFrom,
  entriesFrom,
  hear,
  memberFrom,
  passTimeout,
  persistsOf,
  promisesOf,
  sendsOf,
  sentOf,
  tick,
} from "../golden/lone-member.ts";
import { createState } from "./state.ts";
import { start, step } from "./step.ts";

const NEW = {
  hardState: { raftTerm: 0, votedFor: undefined },
  snapshot: {
    index: 0,
    raftTerm: 0,
    bytes: 0,
    configuration: { voters: [1], outgoing: [], learners: [] },
  },
  entries: [],
};
const heartbeat = (raftTerm: number) =>
  ({ kind: "heartbeat", raftTerm, leaderCommit: 0, round: 1 }) as const;
const voteRequest = (raftTerm: number, lastLogIndex = 0, lastLogRaftTerm = 0) =>
  ({ kind: "vote-request", raftTerm, lastLogIndex, lastLogRaftTerm, isTransfer: false }) as const;

test("5.1: a member whose term is smaller updates it to the larger value", () => {
  const state = memberFrom({ raftTerm: 3 });

  const effects = hear(state, 2, heartbeat(5));

  expect([state.raftTerm, state.votedFor]).toEqual([5, undefined]);
  expect(persistsOf(effects)[0]!.hardState).toEqual({ raftTerm: 5, votedFor: undefined });
});

test("5.1: a candidate that discovers that its term is out of date reverts to follower", () => {
  const state = candidateFrom();

  hear(state, 3, { kind: "vote-response", raftTerm: 7, isGranted: false });

  expect([state.role.kind, state.raftTerm]).toEqual(["follower", 7]);
});

test("5.1: a leader that discovers that its term is out of date reverts to follower", () => {
  const state = announcedLeader();

  const effects = hear(state, 3, { kind: "heartbeat-response", raftTerm: 7, round: 0 });

  expect([state.role.kind, state.raftTerm]).toEqual(["follower", 7]);
  expect(effects).toContainEqual({
    kind: "role",
    role: { kind: "follower", raftTerm: 7, leader: undefined },
  });
});

test("5.1: a request with a stale term is rejected, and its sender told of the present one", () => {
  const state = memberFrom({ raftTerm: 5, log: [1] });

  expect(sendsOf(hear(state, 2, voteRequest(4, 9, 4)))).toEqual([
    { to: 2, message: { kind: "vote-response", raftTerm: 5, isGranted: false } },
  ]);
  expect(sendsOf(hear(state, 2, appendOf(4, [1, 1], entriesFrom(2, 4))))).toEqual([
    { to: 2, message: { kind: "heartbeat-response", raftTerm: 5, round: 0 } },
  ]);
  expect(state.log.last.index).toBe(1);
});

test("5.1, figure 2: the term and the vote are on stable storage before the answer is sent", () => {
  const state = memberFrom();

  const effects = hear(state, 2, voteRequest(1));

  expect(sendsOf(effects)).toEqual([]);
  expect(persistsOf(effects)[0]!.hardState).toEqual({ raftTerm: 1, votedFor: 2 });
  expect(promisesOf(effects)).toEqual([
    { to: 2, message: { kind: "vote-response", raftTerm: 1, isGranted: true } },
  ]);
});

test("5.2: when servers start up, they begin as followers", () => {
  expect(memberFrom({ raftTerm: 4, votedFor: 1 }).role).toEqual({
    kind: "follower",
    leader: undefined,
  });
});

test("5.2: a server remains a follower as long as it receives valid messages from a leader", () => {
  const state = memberFrom({ raftTerm: 1 });

  for (let i = 0; i < 20; i++) {
    expect(sendsOf(tick(state, 9))).toEqual([]);
    hear(state, 2, heartbeat(1));
  }

  expect(state.role).toEqual({ kind: "follower", leader: 2 });
});

test("5.2: election timeouts are chosen randomly from a fixed interval", () => {
  const timeouts = new Set<number>();
  for (let seed = 0; seed < 300; seed++) timeouts.add(memberFrom({ seed }).electionTimeout);

  expect([...timeouts].sort((a, b) => a - b)).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
});

test("5.2: to begin an election it increments its term, votes for itself and asks all others in parallel", () => {
  const state = memberFrom({ raftTerm: 4, votedFor: 3 });
  passTimeout(state);
  expect(state.raftTerm).toBe(4);

  const granted = { kind: "pre-vote-response", raftTerm: 5, isGranted: true } as const;
  const effects = hear(state, 3, granted);

  expect([state.role.kind, state.raftTerm, state.votedFor]).toEqual(["candidate", 5, 1]);
  expect(promisesOf(effects).map(({ to, message }) => [to, message.kind])).toEqual([
    [2, "vote-request"],
    [3, "vote-request"],
  ]);
});

test("5.2: a candidate wins with the votes of a majority in the same term", () => {
  const state = candidateFrom({ voters: [1, 2, 3, 4, 5] });

  hear(state, 2, { kind: "vote-response", raftTerm: 1, isGranted: true });
  expect(state.role.kind).toBe("candidate");
  hear(state, 5, { kind: "vote-response", raftTerm: 1, isGranted: true });

  expect(state.role.kind).toBe("leader");
});

test("5.2: a vote that was given in another term does not count", () => {
  const state = candidateFrom({ raftTerm: 3 });

  hear(state, 2, { kind: "vote-response", raftTerm: 3, isGranted: true });

  expect([state.role.kind, state.raftTerm]).toEqual(["candidate", 4]);
});

test("5.2: the own vote counts only when it is durable, even after a majority of others", () => {
  const state = memberFrom({ voters: [1, 2, 3, 4, 5] });
  passTimeout(state);
  for (const from of [2, 3]) {
    hear(state, from, { kind: "pre-vote-response", raftTerm: 1, isGranted: true });
  }
  for (const from of [2, 3, 4]) {
    hear(state, from, { kind: "vote-response", raftTerm: 1, isGranted: true });
  }
  expect(state.role.kind).toBe("candidate");

  step(state, { kind: "vote-persisted", raftTerm: 1 });

  expect(state.role.kind).toBe("leader");
});

test("5.2: a member votes for at most one candidate in a term, first come first served", () => {
  const state = memberFrom();
  hear(state, 2, voteRequest(1));

  const effects = hear(state, 3, voteRequest(1));

  expect(sendsOf(effects)).toEqual([
    { to: 3, message: { kind: "vote-response", raftTerm: 1, isGranted: false } },
  ]);
});

test("5.2: whoever lost the answer to its request for a vote gets it again", () => {
  const state = memberFrom({ raftTerm: 1, votedFor: 2 });

  const effects = hear(state, 2, voteRequest(1));

  expect(promisesOf(effects)).toMatchObject([{ to: 2, message: { isGranted: true } }]);
});

test("5.2: a candidate that hears a leader of its term returns to follower", () => {
  const state = candidateFrom();

  hear(state, 3, heartbeat(1));

  expect(state.role).toEqual({ kind: "follower", leader: 3 });
});

test("5.2: a candidate that hears a leader of a smaller term remains candidate", () => {
  const state = candidateFrom({ raftTerm: 4 });

  hear(state, 3, heartbeat(4));

  expect([state.role.kind, state.raftTerm]).toEqual(["candidate", 5]);
});

test("5.2: a candidate that neither wins nor loses starts a new election after its timeout", () => {
  const state = candidateFrom();

  const effects = passTimeout(state);

  expect(sentOf(effects, "pre-vote-request").map(({ message }) => message.raftTerm)).toEqual([
    2, 2,
  ]);
});

test("5.2: once it wins, a leader sends to all others to establish its authority", () => {
  const state = candidateFrom();

  const effects = hear(state, 3, { kind: "vote-response", raftTerm: 1, isGranted: true });

  expect(sentOf(effects, "append-entries").map(({ to }) => to)).toEqual([2, 3]);
});

test("5.2: a leader sends heartbeats to all others periodically", () => {
  const state = announcedLeader();

  expect(sentOf(tick(state), "heartbeat")).toEqual([]);
  expect(sentOf(tick(state), "heartbeat").map(({ to }) => to)).toEqual([2, 3]);
});

test("5.2: one that votes alone begins at once and needs nobody", () => {
  const state = memberFrom({ voters: [1] });

  start(state);
  step(state, { kind: "vote-persisted", raftTerm: 1 });

  expect(state.role.kind).toBe("leader");
});

test("5.4.1: a voter denies its vote to a log whose last entry has an earlier term", () => {
  const state = memberFrom({ log: [1, 3] });

  const effects = hear(state, 2, voteRequest(4, 9, 2));

  expect(sendsOf(effects)).toMatchObject([{ message: { isGranted: false } }]);
});

test("5.4.1: of two logs that end with the same term the longer one is more up to date", () => {
  const state = memberFrom({ log: [1, 3] });

  expect(sendsOf(hear(state, 2, voteRequest(4, 1, 3)))).toMatchObject([
    { message: { isGranted: false } },
  ]);
  expect(promisesOf(hear(state, 3, voteRequest(4, 2, 3)))).toMatchObject([
    { message: { isGranted: true } },
  ]);
});

test("5.6: an election timeout that no heartbeat can reach in time is a bug", () => {
  const config = { ...CONFIG, heartbeatTicks: CONFIG.electionTicks.min };

  expect(() => createState(config, createPrng(1n), NEW)).toThrow(/longer than a heartbeat/);
});

test("6: a vote is neither given nor its term taken up within the smallest timeout of hearing a leader", () => {
  const state = memberFrom({ raftTerm: 1 });
  hear(state, 2, heartbeat(1));
  tick(state, 9);

  const effects = hear(state, 3, voteRequest(2));

  expect([effects, state.raftTerm]).toEqual([[], 1]);
  tick(state);
  expect(promisesOf(hear(state, 3, voteRequest(2)))).toHaveLength(1);
});

test("thesis 9.6: a PreVote changes nothing, and is refused like the vote it asks about", () => {
  const state = memberFrom({ log: [1, 1], raftTerm: 1 });
  const request = { kind: "pre-vote-request", raftTerm: 2 } as const;

  const worse = hear(state, 2, { ...request, lastLogIndex: 1, lastLogRaftTerm: 1 });
  const equal = hear(state, 2, { ...request, lastLogIndex: 2, lastLogRaftTerm: 1 });

  expect(sendsOf(worse)).toMatchObject([{ message: { raftTerm: 1, isGranted: false } }]);
  expect(sendsOf(equal)).toMatchObject([{ message: { raftTerm: 2, isGranted: true } }]);
  expect([state.raftTerm, state.votedFor, persistsOf(equal)]).toEqual([1, undefined, []]);
});

test("thesis 6.2: a leader that has not heard a majority for an election timeout steps down", () => {
  const state = announcedLeader();

  tick(state, 10);
  expect(state.role.kind).toBe("leader");
  tick(state);

  expect(state.role).toEqual({ kind: "follower", leader: undefined });
});

test("thesis 3.10: told by its leader to time out, a member asks for votes at once", () => {
  const state = memberFrom({ raftTerm: 1 });
  hear(state, 2, heartbeat(1));

  const effects = hear(state, 2, { kind: "timeout-now", raftTerm: 1 });

  expect(promisesOf(effects)).toMatchObject([
    { to: 2, message: { kind: "vote-request", raftTerm: 2, isTransfer: true } },
    { to: 3, message: { kind: "vote-request", raftTerm: 2, isTransfer: true } },
  ]);
});
