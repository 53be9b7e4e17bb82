// SPDX-License-Identifier: Apache-2.0
/** Sentences of the Raft paper on snapshots (7), with their section. */

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
  persisted,
  persistsOf,
  proposalOf,
  sendsOf,
  sentOf,
  settle,
} from "../golden/lone-member.ts";
import type { MessageOf } from "./message.ts";
import { step } from "./step.ts";

test("7: after a snapshot the log begins behind it and remembers its last term", () => {
  const state = announcedLeader();
  step(state, proposalOf("a", "b", "c"));
  persisted(state);
  settle(state, hear(state, 2, accepted(state, 4)));

  const effects = step(state, { kind: "snapshotted", index: 4, bytes: 9, mayKeepTail: false });

  expect(effects).toEqual([{ kind: "compact", to: 4 }]);
  expect(state.log.base).toEqual({ index: 4, raftTerm: 1 });
});

test("7: a tail of entries is kept behind a snapshot, for followers that lag a little", () => {
  const state = announcedLeader();
  step(state, proposalOf("a", "b", "c"));
  persisted(state);
  settle(state, hear(state, 2, accepted(state, 4)));

  const effects = step(state, { kind: "snapshotted", index: 4, bytes: 9 });

  expect(effects).toEqual([{ kind: "compact", to: 4 - CONFIG.flow.tail.entries }]);
});

test("7: a snapshot of what has not been applied is a bug", () => {
  const event = { kind: "snapshotted", index: 2, bytes: 9 } as const;

  expect(() => step(announcedLeader(), event)).toThrow(/R6/);
});

test("7: a follower that lacks what the leader has discarded is sent the snapshot, in chunks", () => {
  const state = leaderFrom({ snapshot: { index: 5, raftTerm: 1, bytes: 350 }, raftTerm: 1 });
  const hint = { conflictIndex: 2, conflictRaftTerm: 1, lastLogIndex: 2 };
  const rejection = { kind: "append-entries-rejected", raftTerm: 2, rejectedIndex: 5 } as const;

  const effects = hear(state, 3, { ...rejection, ...hint });

  const chunk = { snapshotIndex: 5, snapshotRaftTerm: 1, totalBytes: 350 };
  expect(sentOf(effects, "install-snapshot")).toMatchObject([
    { to: 3, message: { ...chunk, offset: 0, length: 100 } },
    { to: 3, message: { ...chunk, offset: 100, length: 100 } },
  ]);
});

test("7: a follower takes chunks in their order only, and asks for the one it lacks", () => {
  const state = memberFrom();
  expect(hear(state, 2, chunkOf(0))[0]).toMatchObject({ kind: "write-snapshot-chunk", offset: 0 });

  const effects = hear(state, 2, chunkOf(200));

  expect(sendsOf(effects)).toMatchObject([{ message: { nextOffset: 100, isInstalled: false } }]);
  expect(effects).toHaveLength(1);
});

test("7: chunks of another leader are not put to those of the one before", () => {
  const state = memberFrom();
  hear(state, 2, chunkOf(0));

  const effects = hear(state, 3, { ...chunkOf(100), raftTerm: 2 });

  expect(sendsOf(effects)).toMatchObject([{ to: 3, message: { nextOffset: 0 } }]);
});

test("7: a snapshot of what the follower lacks replaces its whole log when it is installed", () => {
  const state = memberFrom({ log: [1, 1] });
  hear(state, 2, chunkOf(0));
  hear(state, 2, chunkOf(100));
  expect(sendsOf(hear(state, 2, chunkOf(200)))).toEqual([]);
  expect(hear(state, 2, appendOf(1, [2, 1], entriesFrom(3, 1)))).toEqual([]);

  const effects = step(state, { kind: "snapshot-installed", snapshotIndex: 5 });

  expect([state.log.base, state.log.last.index, state.lastApplied]).toMatchObject([
    { index: 5, raftTerm: 1 },
    5,
    5,
  ]);
  expect(state.configurations.inUse.configuration.voters).toEqual([1, 2, 4]);
  expect(sendsOf(effects)).toMatchObject([{ to: 2, message: { isInstalled: true } }]);
});

test("7: entries behind a snapshot that the log holds already are kept", () => {
  const state = memberFrom({ log: [1, 1, 1, 1, 1, 1, 1] });

  const effects = hear(state, 2, chunkOf(0));

  expect([state.log.last.index, state.commitIndex]).toEqual([7, 5]);
  expect(sendsOf(effects)).toMatchObject([{ message: { isInstalled: true } }]);
});

test("7: a snapshot of entries whose sync is under way is not said to be held before it is over", () => {
  const state = memberFrom();
  hear(state, 2, appendOf(1, [0, 0], entriesFrom(1, 1, 1, 1, 1, 1)));
  expect(hear(state, 2, chunkOf(0))).toEqual([]);

  persisted(state);

  expect(sendsOf(hear(state, 2, chunkOf(0)))).toMatchObject([{ message: { isInstalled: true } }]);
});

test("7: a sync of entries that a snapshot has replaced says nothing of those that came after", () => {
  const state = memberFrom();
  const [old] = persistsOf(hear(state, 3, appendOf(1, [0, 0], entriesFrom(1, 1, 1, 1, 1, 1, 1))));
  const chunk = { ...chunkOf(0), raftTerm: 2, snapshotRaftTerm: 2, totalBytes: 100 };
  hear(state, 2, chunk);
  step(state, { kind: "snapshot-installed", snapshotIndex: 5 });
  hear(state, 2, appendOf(2, [5, 2], entriesFrom(6, 2)));

  step(state, old!.thenStep[0]!);

  expect([state.log.last.index, state.durableIndex]).toEqual([6, 5]);
});

test("7: a snapshot bears the configuration of its last entry, not a later one", () => {
  const state = announcedLeader();
  const configuration = state.configurations.inUse.configuration;
  step(state, { kind: "change-configuration", change: 1, voters: [1, 2, 3], learners: [4] });

  step(state, { kind: "snapshotted", index: 1, bytes: 9 });

  expect(state.snapshot).toEqual({ index: 1, raftTerm: 1, bytes: 9, configuration });
});

test("7: a snapshot that could not be kept is asked for anew", () => {
  const state = memberFrom();
  for (const offset of [0, 100, 200]) hear(state, 2, chunkOf(offset));

  step(state, { kind: "snapshot-refused" });

  expect(hear(state, 2, chunkOf(0))[0]).toMatchObject({ kind: "write-snapshot-chunk", offset: 0 });
});

/** One of three chunks of a snapshot as of 5 in raftTerm 1. */
function chunkOf(offset: number): MessageOf<"install-snapshot"> {
  return {
    kind: "install-snapshot",
    raftTerm: 1,
    snapshotIndex: 5,
    snapshotRaftTerm: 1,
    configuration: { voters: [1, 2, 4], outgoing: [], learners: [] },
    totalBytes: 300,
    offset,
    bytes: new Uint8Array(100),
  };
}
