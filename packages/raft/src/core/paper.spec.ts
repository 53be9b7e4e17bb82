// SPDX-License-Identifier: Apache-2.0
/** Sentences of the Raft paper that a group of one member already has to keep, with their sections. */

import { createPrng } from "@conclave/base";
import { expect, test } from "vitest";
import type { Effect } from "./effect.ts";
import type { RaftEvent } from "./event.ts";
import { createState, type RaftState, type Recovered } from "./state.ts";
import { start, step } from "./step.ts";

const NEW: Recovered = {
  hardState: { raftTerm: 0, votedFor: undefined },
  snapshotIndex: 0,
  snapshotRaftTerm: 0,
  raftTerms: [],
};

test("5.2: when servers start up, they begin as followers", () => {
  expect(memberFrom(NEW).role).toBe("follower");
});

test("5.2: election timeouts are chosen randomly from a fixed interval", () => {
  const delays = new Set<number>();
  for (let seed = 0n; seed < 200n; seed++) {
    const state = createState(CONFIG, createPrng(seed), NEW);
    const [timer] = start(state);
    if (timer?.kind !== "set-election-timer") throw new Error("no timer");
    expect(timer.delayMs).toBeGreaterThanOrEqual(300);
    expect(timer.delayMs).toBeLessThanOrEqual(310);
    delays.add(timer.delayMs);
  }
  expect(delays.size).toBe(11);
});

test("5.2: to begin an election, a follower increments its current term, becomes candidate and votes for itself", () => {
  const state = memberFrom({ ...NEW, hardState: { raftTerm: 4, votedFor: 9 } });

  const effects = step(state, { kind: "election-timeout" });

  expect([state.role, state.raftTerm, state.votedFor]).toEqual(["candidate", 5, 1]);
  expect(persistsOf(effects)[0]!.hardState).toEqual({ raftTerm: 5, votedFor: 1 });
});

test("5.1, figure 2: currentTerm and votedFor are on stable storage before the vote counts", () => {
  const state = memberFrom(NEW);

  const effects = step(state, { kind: "election-timeout" });

  expect(state.role).toBe("candidate");
  expect(persistsOf(effects)[0]!.thenStep).toEqual([{ kind: "vote-persisted", raftTerm: 1 }]);
  run(state, { kind: "vote-persisted", raftTerm: 1 });
  expect(state.role).toBe("leader");
});

test("5.2: a vote that was cast in an earlier process is not counted in a new term", () => {
  const state = memberFrom({ ...NEW, hardState: { raftTerm: 3, votedFor: 1 } });

  expect(state.role).toBe("follower");
  step(state, { kind: "election-timeout" });
  expect(() => step(state, { kind: "vote-persisted", raftTerm: 3 })).toThrow(/R9/);
});

test("8: a leader commits a blank no-op entry at the start of its term", () => {
  const state = memberFrom(NEW);
  step(state, { kind: "election-timeout" });

  const [persist] = persistsOf(step(state, { kind: "vote-persisted", raftTerm: 1 }));

  expect(persist!.entries).toMatchObject([{ index: 1, raftTerm: 1, type: "noop" }]);
});

test("5.3: the leader appends the command to its log as a new entry", () => {
  const state = leaderAt(1);

  const effects = step(state, proposalOf("a", "b"));

  expect(persistsOf(effects)[0]!.entries.map(({ index }) => index)).toEqual([2, 3]);
});

test("5.3: an entry is committed once a majority has it durably, and not before", () => {
  const state = leaderAt(1);
  const [persist] = persistsOf(step(state, proposalOf("a")));
  expect(state.commitIndex).toBe(1);

  const effects = step(state, persist!.thenStep[0]!);

  expect(state.commitIndex).toBe(2);
  expect(effects).toEqual([{ kind: "apply", to: 2 }]);
});

test("5.4.2: a leader does not commit entries of earlier terms by counting, but by one of its own", () => {
  const state = memberFrom({
    ...NEW,
    hardState: { raftTerm: 2, votedFor: 1 },
    raftTerms: [1, 1, 2],
  });
  step(state, { kind: "election-timeout" });
  step(state, { kind: "vote-persisted", raftTerm: 3 });
  expect(state.commitIndex).toBe(0);

  const effects = step(state, { kind: "entries-persisted", raftTerm: 3, index: 4 });

  expect(effects).toEqual([{ kind: "apply", to: 4 }]);
});

test("5.4.3: a server that has applied an entry at an index never applies another one for it", () => {
  const state = leaderAt(1);

  expect(() => step(state, { kind: "applied", index: 1 })).toThrow(/R5/);
});

test("8: a read waits until an entry of the leader's own term has committed", () => {
  const state = memberFrom(NEW);
  step(state, { kind: "election-timeout" });
  step(state, { kind: "vote-persisted", raftTerm: 1 });
  expect(step(state, { kind: "confirm", read: 7 })).toEqual([]);

  const effects = step(state, { kind: "entries-persisted", raftTerm: 1, index: 1 });

  expect(effects).toContainEqual({ kind: "confirmed", read: 7, index: 1, raftTerm: 1 });
});

test("8: a member that does not lead confirms no read", () => {
  const effects = step(memberFrom(NEW), { kind: "confirm", read: 7 });

  expect(effects).toEqual([{ kind: "not-confirmed", read: 7, reason: "not-leader" }]);
});

test("a leadership is told of only when its no-op has been applied; proposals before are refused", () => {
  const state = memberFrom(NEW);
  step(state, { kind: "election-timeout" });
  step(state, { kind: "vote-persisted", raftTerm: 1 });
  step(state, { kind: "entries-persisted", raftTerm: 1, index: 1 });
  expect(step(state, proposalOf("early"))).toMatchObject([{ reason: "not-leader" }]);

  const effects = step(state, { kind: "applied", index: 1 });

  expect(effects).toEqual([{ kind: "role", role: { kind: "leader", raftTerm: 1 } }]);
});

test("the bytes that wait for a commit are bounded, and an entry above the bound goes alone", () => {
  const state = leaderAt(1);
  const large = "x".repeat(200);
  expect(step(state, proposalOf(large, "y"))).toMatchObject([
    { kind: "proposed" },
    { kind: "refused", reason: "overloaded" },
    { kind: "persist" },
  ]);

  run(state, { kind: "entries-persisted", raftTerm: 1, index: 2 });

  expect(step(state, proposalOf("y"))).toMatchObject([{ kind: "proposed" }, { kind: "persist" }]);
});

test("7: after a snapshot the log begins behind it and remembers its last term", () => {
  const state = leaderAt(1);
  step(state, proposalOf("a", "b"));
  run(state, { kind: "entries-persisted", raftTerm: 1, index: 3 });

  step(state, { kind: "snapshotted", index: 2 });

  expect(state.log.base).toEqual({ index: 2, raftTerm: 1 });
  expect(state.log.raftTermAt(3)).toBe(1);
});

test("7: a snapshot of what has not been applied is a bug", () => {
  expect(() => step(leaderAt(1), { kind: "snapshotted", index: 2 })).toThrow(/R6/);
});

const CONFIG = {
  node: 1,
  electionTimeoutMs: { min: 300, max: 310 },
  uncommittedBytesMax: 100,
  uncommittedEntriesMax: 10,
};

function memberFrom(recovered: Recovered): RaftState {
  return createState(CONFIG, createPrng(1n), recovered);
}

/** A leader whose no-op, the only entry of its log, is applied. */
function leaderAt(raftTerm: number): RaftState {
  const hardState = { raftTerm: raftTerm - 1, votedFor: undefined };
  const state = memberFrom({ ...NEW, hardState });
  run(state, { kind: "election-timeout" });
  return state;
}

/** Steps the event and all that follows from it, on a disk and a state machine that are at once done. */
function run(state: RaftState, event: RaftEvent): void {
  const events = [event];
  for (let next = events.shift(); next !== undefined; next = events.shift()) {
    for (const effect of step(state, next)) {
      if (effect.kind === "persist") events.push(...effect.thenStep);
      if (effect.kind === "apply") events.push({ kind: "applied", index: effect.to });
    }
  }
}

function persistsOf(effects: readonly Effect[]): readonly Extract<Effect, { kind: "persist" }>[] {
  return effects.filter((effect) => effect.kind === "persist");
}

function proposalOf(...texts: readonly string[]): RaftEvent {
  const proposals = texts.map((text, i) => ({
    proposal: i + 1,
    bytes: new TextEncoder().encode(text),
  }));
  return { kind: "propose", proposals };
}
