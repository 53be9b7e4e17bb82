// SPDX-License-Identifier: Apache-2.0
/**
 * Anything at all, under limits that are reached at once: the rules hold after each entry, a snapshot
 * at any place makes no difference, and nothing that a client can send throws.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { apply } from "./apply.ts";
import type { Change } from "./change.ts";
import type { Command } from "./command.ts";
import type { CallOrder, DialectOperation } from "./dialect-command.ts";
import { decodeEntry } from "./entry-decoder.ts";
import { encodeEntry } from "./entry-encoder.ts";
import { assertPartitionValid } from "./invariants.ts";
import type { Limits } from "./limits.ts";
import { createPartition } from "./partition.ts";
import { checkFence } from "./read.ts";
import { restore } from "./snapshot-decoder.ts";
import { snapshot, stateHash } from "./snapshot-encoder.ts";
import { key } from "./spec/driver.ts";
import { randomRuns } from "./spec/random-runs.ts";

const TIGHT: Partial<Limits> = {
  candidatesPerElectionMax: 3,
  metadataBytesPerElectionMax: 6,
  electionsMax: 5,
  electionsFoldAt: 4,
  sessionsMax: 6,
  unacknowledgedPerSessionMax: 4,
  requestRepliesMax: 3,
  tombstonesMax: 2,
  endedSessionsMax: 4,
  streamsPerSessionMax: 2,
  unacknowledgedPerStreamMax: 3,
};
const KEYS = [..."abcdefg"].map((name) => key(name));

const keys = fc.constantFrom(...KEYS);
const ids = fc.integer({ min: 1, max: 12 }).map(BigInt);
const numbers = fc.integer({ min: 0, max: 12 });
const names = fc.constantFrom("a", "b", "c", "d", "");
const metadata = fc.constantFrom(
  new Map<string, string>(),
  new Map([["k", "v"]]),
  new Map([["k", "vvv"]]),
);
const verbs = fc.constantFrom("anoint", "promote", "demote", "evict" as const);
const options = fc.record(
  {
    reason: fc.constantFrom("", "why"),
    requestId: fc.constantFrom("r1", "r2", "r3", "r4", "r5"),
    ifRevision: numbers.map(BigInt),
  },
  { requiredKeys: ["reason"] },
);
const commandIds = fc.record({
  sessionId: ids,
  number: numbers,
  acknowledged: fc.constantFrom(0, 0, 3),
});

const orders: fc.Arbitrary<CallOrder> = fc.oneof(
  fc.constant({ kind: "free" as const }),
  numbers.map((n) => ({ kind: "once" as const, number: BigInt(n) })),
  numbers.map((number) => ({ kind: "strict" as const, number })),
  numbers.map((number) => ({
    kind: "strict" as const,
    number,
    voidThrough: Math.max(number - 1, 0),
  })),
  numbers.map((number) => ({ kind: "set" as const, number })),
);
const operations: fc.Arbitrary<DialectOperation> = fc.oneof(
  fc.record({ kind: fc.constantFrom("create", "close", "delete", "events" as const), key: keys }),
  fc.record({
    kind: fc.constantFrom("enter", "enter", "withdraw" as const),
    key: keys,
    candidate: names,
  }),
  fc.record({ kind: verbs, key: keys, candidate: names }),
  fc
    .tuple(keys, numbers, fc.array(fc.tuple(names, ids), { maxLength: 4 }))
    .map(([k, term, list]) => ({
      kind: "restore" as const,
      key: k,
      term: BigInt(term),
      ...(list[0] === undefined ? {} : { leader: list[0][0] }),
      participants: list.map(([candidate, sessionId]) => ({ candidate, sessionId, ttlMs: 10_000 })),
    })),
);
const commands: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    kind: fc.constant("open-session" as const),
    sessionId: ids,
    ttlMs: fc.constantFrom(10_000, 1),
    graceMs: fc.constant(0),
    labels: metadata,
  }),
  fc.record({ kind: fc.constant("close-session" as const), sessionId: ids }),
  fc.record({
    kind: fc.constant("expire-sessions" as const),
    sessions: fc.array(
      fc.record({ sessionId: ids, cause: fc.constantFrom("expired", "disconnected" as const) }),
      { maxLength: 2 },
    ),
  }),
  fc.record({
    kind: fc.constant("open-indexed-session" as const),
    dialect: fc.constantFrom("s0", "s1" as const),
    ttlMs: fc.constant(30_000),
  }),
  fc.record({
    kind: fc.constant("enter" as const),
    key: keys,
    candidate: names,
    metadata,
    takeover: fc.boolean(),
    id: commandIds,
  }),
  fc.record({
    kind: fc.constant("withdraw" as const),
    key: keys,
    candidate: names,
    id: commandIds,
  }),
  fc.record({
    kind: fc.constant("update-metadata" as const),
    key: keys,
    candidate: names,
    metadata,
    id: commandIds,
  }),
  fc.record({ kind: verbs, key: keys, candidate: names, options }),
  fc.record({ kind: fc.constant("delete" as const), key: keys, options }),
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("dialect-call" as const),
      sessionId: ids,
      order: orders,
      operation: operations,
    }),
  },
  fc.record({
    kind: fc.constant("acknowledge-s0" as const),
    sessionId: ids,
    number: numbers,
    streams: fc.array(fc.record({ streamId: numbers, responseId: numbers }), { maxLength: 2 }),
  }),
  fc.record({
    kind: fc.constant("acknowledge-s1" as const),
    sessionId: ids,
    number: numbers,
    open: fc.array(numbers, { maxLength: 2 }),
  }),
  fc.record({ kind: fc.constant("raise-level" as const), level: fc.constant(1) }),
);
const entries = fc.array(fc.array(commands, { minLength: 1, maxLength: 4 }), {
  minLength: 40,
  maxLength: 40,
});

test("every rule holds after any entry, terms never fall, and a snapshot changes nothing", () => {
  fc.assert(
    fc.property(entries, fc.nat(39), (run, cut) => {
      const state = createPartition({ limits: TIGHT });
      let copy = createPartition({ limits: TIGHT });
      const highest = new Map(KEYS.map((k) => [k.name, 0n]));
      for (const [i, batch] of run.entries()) {
        if (i === cut) {
          const restored = restore(snapshot(copy), { limits: TIGHT });
          if (restored.kind !== "restored") throw new Error(restored.detail);
          copy = restored.state;
        }
        const decoded = decodeEntry(encodeEntry({ timeMs: i, commands: batch }));
        if (decoded.kind !== "entry") throw new Error(decoded.what);
        const applied = apply(state, { timeMs: i, commands: batch });
        expect(apply(copy, decoded.entry)).toEqual(applied);
        expect(applied.replies).toHaveLength(batch.length);
        assertPartitionValid(state);
        for (const change of applied.changes) expectTermOf(change, highest);
        for (const k of KEYS) {
          const { term } = checkFence(state, k, 1n);
          if (term < highest.get(k.name)!) expect.unreachable(`the term of ${k.name} fell`);
          highest.set(k.name, term);
        }
      }
      expect(stateHash(copy)).toBe(stateHash(state));
    }),
    randomRuns(250),
  );
}, 60_000);

/** E3, judged by what a watcher is told: it rises by one with a new holder, and else stays. */
function expectTermOf(change: Change, terms: Map<string, bigint>): void {
  const { key, term, leader, leaderBefore, previousRevision, cause } = change;
  const before = terms.get(key.name)!;
  const isSame =
    leader?.name === leaderBefore?.name && leader?.sessionId === leaderBefore?.sessionId;
  const risen = leader === undefined || isSame ? 0n : 1n;
  // One that has just come to exist may start at a floor that rose; a restore may lift it further.
  const mayStartHigher = previousRevision === 0n || cause === "restored";
  const isRight = mayStartHigher ? term >= before + risen : term === before + risen;
  if (!isRight)
    expect.unreachable(`${cause}: the term of ${key.name} went from ${before} to ${term}`);
  terms.set(key.name, term);
}
