// SPDX-License-Identifier: Apache-2.0
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type RaftMessage as RaftMessageMessage, RaftMessageSchema } from "@conclave/api/peer";
import { type LogEntry, replicaIdOf } from "@conclave/raft";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isMalformed } from "./malformed.ts";
import {
  groupMessageOf,
  raftMessageMessageOf,
  type SingleMessage,
  wireBytesOf,
} from "./raft-messages.ts";

const count = fc.oneof(fc.nat(1_000), fc.maxSafeNat());
const bytes = fc.uint8Array({ maxLength: 200 });
const replica = fc
  .tuple(fc.integer({ min: 1, max: 65_535 }), fc.nat(2 ** 32 - 1))
  .map(([node, incarnation]) => replicaIdOf(node, incarnation));
const replicas = fc.array(replica, { maxLength: 5 });
const lastLog = { lastLogIndex: count, lastLogRaftTerm: count };

const appendEntries = fc
  .record({
    raftTerm: fc.integer({ min: 1, max: 1_000 }),
    prevLogIndex: fc.nat(2 ** 40),
    leaderCommit: count,
    entries: fc.array(
      fc.record({
        type: fc.constantFrom<LogEntry["type"]>("proposal", "noop", "configuration"),
        bytes,
      }),
      { maxLength: 4 },
    ),
  })
  .map(
    ({ raftTerm, prevLogIndex, leaderCommit, entries }): SingleMessage => ({
      kind: "append-entries",
      raftTerm,
      prevLogIndex,
      prevLogRaftTerm: raftTerm - 1,
      leaderCommit,
      entries: entries.map((entry, i) => ({ ...entry, raftTerm, index: prevLogIndex + 1 + i })),
    }),
  );

const installSnapshot = fc
  .record({
    head: fc.record({ raftTerm: count, snapshotIndex: count, snapshotRaftTerm: count }),
    configuration: fc.record({ voters: replicas, outgoing: replicas, learners: replicas }),
    offset: fc.nat(2 ** 40),
    bytes,
    rest: fc.nat(2 ** 40),
  })
  .map(
    ({ head, configuration, offset, bytes: chunk, rest }): SingleMessage => ({
      ...head,
      kind: "install-snapshot",
      configuration,
      totalBytes: offset + chunk.length + rest,
      offset,
      bytes: chunk,
    }),
  );

const anyMessage: fc.Arbitrary<SingleMessage> = fc.oneof(
  appendEntries,
  installSnapshot,
  fc.record({ kind: fc.constant("pre-vote-request" as const), raftTerm: count, ...lastLog }),
  fc.record({
    kind: fc.constant("vote-request" as const),
    raftTerm: count,
    ...lastLog,
    isTransfer: fc.boolean(),
  }),
  fc.record({
    kind: fc.constantFrom("pre-vote-response" as const, "vote-response" as const),
    raftTerm: count,
    isGranted: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("append-entries-accepted" as const),
    raftTerm: count,
    matchIndex: count,
  }),
  fc.record({
    kind: fc.constant("append-entries-rejected" as const),
    raftTerm: count,
    rejectedIndex: count,
    conflictRaftTerm: count,
    conflictIndex: count,
    lastLogIndex: count,
  }),
  fc.record({
    kind: fc.constant("install-snapshot-response" as const),
    raftTerm: count,
    snapshotIndex: count,
    nextOffset: count,
    isInstalled: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("timeout-now" as const), raftTerm: count }),
);

describe("messages of a Raft group on the wire", () => {
  test("arrive as they were sent, whatever they say", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 32 - 1 }), anyMessage, (group, message) => {
        const sent = toBinary(RaftMessageSchema, raftMessageMessageOf(group, message));

        expect(groupMessageOf(fromBinary(RaftMessageSchema, sent))).toEqual({ group, message });
      }),
      { numRuns: 2_000, seed: 1 },
    );
  });

  test("never take more than was counted for them, nor much less", () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const sent = toBinary(RaftMessageSchema, raftMessageMessageOf(2 ** 32 - 1, message));

        // Two more for the field of the frame that holds it, and its length.
        expect(sent.length + 5).toBeLessThanOrEqual(wireBytesOf(message));
      }),
      { numRuns: 2_000, seed: 1 },
    );
  });

  test("that are other bytes are a value and never an exception", () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), fc.integer({ min: 0, max: 255 }), (message, at, byte) => {
        const sent = toBinary(RaftMessageSchema, raftMessageMessageOf(1, message));
        sent[at % sent.length] = byte;
        const read = readIfAny(sent);

        if (read === undefined) return;
        const found = groupMessageOf(read);
        if (isMalformed(found)) return;
        expect(Object.values(found.message)).not.toContain(-1);
      }),
      { numRuns: 5_000, seed: 1 },
    );
  });

  test.each<[string, Parameters<typeof create<typeof RaftMessageSchema>>[1]]>([
    ["no group", { group: 0, raftTerm: 1n, message: { case: "timeoutNow", value: {} } }],
    ["nothing", { group: 1, raftTerm: 1n }],
    ["a raftTerm that no number holds", timeoutNow(2n ** 53n)],
    ["an index that no number holds", accepted(2n ** 53n)],
    ["an entry of the future", append(3n, [4n])],
    ["an entry of no raftTerm", append(3n, [0n])],
    ["entries whose raftTerms fall", append(3n, [3n, 2n])],
    ["an entry older than the one before it", append(3n, [1n])],
    ["a chunk beyond the end of its snapshot", chunk([replicaIdOf(1, 0)], 1n)],
    ["a configuration with nobody's id", chunk([5], 100n)],
  ])("that hold %s are malformed", (_, init) => {
    expect(isMalformed(groupMessageOf(create(RaftMessageSchema, init)))).toBe(true);
  });

  test("leave no entry of a few bytes that keeps a whole frame alive", () => {
    const entries: LogEntry[] = [
      { index: 1, raftTerm: 1, type: "proposal", bytes: new Uint8Array(10) },
      { index: 2, raftTerm: 1, type: "proposal", bytes: new Uint8Array(100_000) },
    ];
    const head = { raftTerm: 1, prevLogIndex: 0, prevLogRaftTerm: 0, leaderCommit: 0 };
    const message = raftMessageMessageOf(1, { kind: "append-entries", ...head, entries });
    const sent = toBinary(RaftMessageSchema, message);

    const found = groupMessageOf(fromBinary(RaftMessageSchema, sent));

    if (isMalformed(found) || found.message.kind !== "append-entries") throw new Error("unread");
    const kept = found.message.entries.map((entry) => entry.bytes.buffer.byteLength);
    expect(kept[0]).toBe(10);
    expect(kept[1]).toBe(sent.buffer.byteLength);
  });
});

type Init = NonNullable<Parameters<typeof create<typeof RaftMessageSchema>>[1]>;

function timeoutNow(raftTerm: bigint): Init {
  return { group: 1, raftTerm, message: { case: "timeoutNow", value: {} } };
}

function accepted(matchIndex: bigint): Init {
  const value = { matchIndex };
  return { group: 1, raftTerm: 1n, message: { case: "appendEntriesAccepted", value } };
}

function append(raftTerm: bigint, raftTerms: readonly bigint[]): Init {
  const entries = raftTerms.map((entryTerm) => ({ raftTerm: entryTerm, type: 1 }));
  const value = { prevLogIndex: 5n, prevLogRaftTerm: 2n, entries };
  return { group: 1, raftTerm, message: { case: "appendEntries", value } };
}

function chunk(voters: readonly number[], totalBytes: bigint): Init {
  const configuration = { voters: voters.map(BigInt) };
  const value = { snapshotIndex: 1n, configuration, totalBytes, bytes: new Uint8Array(10) };
  return { group: 1, raftTerm: 1n, message: { case: "installSnapshot", value } };
}

function readIfAny(bytesRead: Uint8Array): RaftMessageMessage | undefined {
  try {
    return fromBinary(RaftMessageSchema, bytesRead);
  } catch {
    // No protobuf at all: Connect refuses it before we see it.
    return undefined;
  }
}
