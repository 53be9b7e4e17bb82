// SPDX-License-Identifier: Apache-2.0
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { HeartbeatResponsesSchema, HeartbeatsSchema } from "@conclave/api/peer";
import type { GroupMessage } from "@conclave/raft";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Heartbeat,
  type HeartbeatResponse,
  heartbeatResponsesMessageOf,
  heartbeatsMessageOf,
  mergeHeartbeatResponses,
  mergeHeartbeats,
  readHeartbeatResponses,
  readHeartbeats,
} from "./heartbeats.ts";

const count = fc.maxSafeNat();
const group = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const heartbeat: fc.Arbitrary<Heartbeat> = fc.record({
  kind: fc.constant("heartbeat"),
  ...{ raftTerm: count, leaderCommit: count, round: count },
});
const response: fc.Arbitrary<HeartbeatResponse> = fc.record({
  kind: fc.constant("heartbeat-response"),
  ...{ raftTerm: count, round: count },
});

describe("heartbeats in columns", () => {
  test("arrive as they were sent, for every group", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(group, heartbeat)), (rows) => {
        const byGroup = new Map(rows);
        const sent = toBinary(HeartbeatsSchema, heartbeatsMessageOf(byGroup));
        const read: GroupMessage[] = [];

        expect(readHeartbeats(fromBinary(HeartbeatsSchema, sent), read)).toBeUndefined();
        expect(read).toEqual([...byGroup].map(([id, message]) => ({ group: id, message })));
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  test("so do their answers", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(group, response)), (rows) => {
        const byGroup = new Map(rows);
        const sent = toBinary(HeartbeatResponsesSchema, heartbeatResponsesMessageOf(byGroup));
        const read: GroupMessage[] = [];
        const message = fromBinary(HeartbeatResponsesSchema, sent);

        expect(readHeartbeatResponses(message, read)).toBeUndefined();
        expect(read).toEqual([...byGroup].map(([id, each]) => ({ group: id, message: each })));
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  test("of 200 groups take less than 4 KiB", () => {
    const message: Heartbeat = { kind: "heartbeat", raftTerm: 9, leaderCommit: 1e6, round: 1e5 };
    const rows = Array.from({ length: 200 }, (_, i) => [i + 1, message] as const);

    const sent = toBinary(HeartbeatsSchema, heartbeatsMessageOf(new Map(rows)));

    expect(sent.length).toBeLessThan(4 * 1024);
  });

  test("of which a column is short are malformed", () => {
    const message = create(HeartbeatsSchema, {
      groups: [1, 2],
      raftTerms: [1n, 1n],
      leaderCommits: [0n],
      rounds: [0n, 0n],
    });

    expect(readHeartbeats(message, [])).toMatchObject({ kind: "malformed" });
    const columns = { groups: [1], raftTerms: [1n] };
    const answers = create(HeartbeatResponsesSchema, columns);
    expect(readHeartbeatResponses(answers, [])).toMatchObject({ kind: "malformed" });
  });

  test("of group 0, or with a number that none of ours holds, are malformed", () => {
    const zero = { groups: [0], raftTerms: [1n], leaderCommits: [0n], rounds: [0n] };
    const huge = { groups: [1], raftTerms: [1n], leaderCommits: [0n], rounds: [2n ** 63n] };

    for (const columns of [zero, huge]) {
      const message = create(HeartbeatsSchema, columns);
      expect(readHeartbeats(message, [])).toMatchObject({ kind: "malformed" });
      const answers = create(HeartbeatResponsesSchema, columns);
      expect(readHeartbeatResponses(answers, [])).toMatchObject({ kind: "malformed" });
    }
  });
});

describe("two heartbeats that leave together", () => {
  test("keep the round that is waited for, when the later one is a mere notice of the commit", () => {
    const round: Heartbeat = { kind: "heartbeat", raftTerm: 3, leaderCommit: 10, round: 7 };
    const notice: Heartbeat = { kind: "heartbeat", raftTerm: 3, leaderCommit: 12, round: 0 };

    const merged = { kind: "heartbeat", raftTerm: 3, leaderCommit: 12, round: 7 };
    expect(mergeHeartbeats(round, notice)).toEqual(merged);
  });

  test("of two raftTerms are the later one's alone", () => {
    const old: Heartbeat = { kind: "heartbeat", raftTerm: 3, leaderCommit: 10, round: 7 };
    const young: Heartbeat = { kind: "heartbeat", raftTerm: 4, leaderCommit: 5, round: 1 };

    expect(mergeHeartbeats(old, young)).toEqual(young);
    expect(mergeHeartbeats(young, old)).toEqual(young);
  });

  test("are answered by the later round, of the later raftTerm", () => {
    const answer = (raftTerm: number, round: number): HeartbeatResponse => {
      return { kind: "heartbeat-response", raftTerm, round };
    };

    expect(mergeHeartbeatResponses(answer(1, 5), answer(1, 4))).toEqual(answer(1, 5));
    expect(mergeHeartbeatResponses(answer(1, 5), answer(2, 4))).toEqual(answer(2, 4));
    expect(mergeHeartbeatResponses(answer(2, 1), answer(1, 4))).toEqual(answer(2, 1));
  });
});
