// SPDX-License-Identifier: Apache-2.0
/** Runs of raftTerms and sums of sizes against a plain list of entries. */

import { createPrng, type Prng } from "@conclave/base";
import { expect, test } from "vitest";
import { LogTerms } from "./log-terms.ts";

interface PlainLog {
  base: { index: number; raftTerm: number };
  entries: { index: number; raftTerm: number; size: number }[];
}

test("a log answers as a list of its entries would, whatever is added, cut off or forgotten", () => {
  const prng = createPrng(21n);
  for (let round = 0; round < 500; round++) {
    const log = new LogTerms({ index: 3, raftTerm: 2 });
    const plain: PlainLog = { base: { index: 3, raftTerm: 2 }, entries: [] };
    for (let i = 0; i < 30; i++) {
      change(prng, log, plain);
      expectEqual(log, plain, round);
    }
  }
});

test("the search for a conflict finds what a walk back through the log finds, in 50,000 cases", () => {
  const prng = createPrng(22n);
  for (let round = 0; round < 50_000; round++) {
    const plain = randomLog(prng);
    const log = logOf(plain);
    const index = prng.below(plain.base.index + plain.entries.length + 4);
    const raftTerm = prng.below(9);

    const found = log.lastNotAfter(index, raftTerm);

    const points = [plain.base, ...plain.entries];
    const slow = points.findLast((point) => point.index <= index && point.raftTerm <= raftTerm);
    const isSame = found?.index === slow?.index && found?.raftTerm === slow?.raftTerm;
    if (!isSame) expect({ round, plain, index, raftTerm, found }).toEqual({ slow });
  }
});

test("two members that search in turn never step over an entry that they share, in 50,000 cases", () => {
  const prng = createPrng(23n);
  for (let round = 0; round < 50_000; round++) {
    const [leader, follower] = relatedLogs(prng);
    const [leaderLog, followerLog] = [logOf(leader), logOf(follower)];
    const shared = sharedIndex(leader, follower);

    let prev = leaderLog.last.index;
    let steps = 0;
    while (!followerLog.matches(prev, leaderLog.raftTermAt(prev))) {
      const hint = followerLog.lastNotAfter(prev, leaderLog.raftTermAt(prev))!;
      prev = leaderLog.lastNotAfter(hint.index, hint.raftTerm)!.index;
      steps += 1;
    }

    const raftTerms = new Set(
      [...leader.entries, ...follower.entries].map((entry) => entry.raftTerm),
    );
    if (prev !== shared) expect({ round, leader, follower, prev }).toEqual({ shared });
    if (steps > raftTerms.size + 1) expect({ round, leader, follower, steps }).toBe("few");
  }
});

test("a message is filled up to its bounds, with one entry at least", () => {
  const log = logOf({
    base: { index: 0, raftTerm: 0 },
    entries: [5, 5, 5, 50, 5].map((size, i) => ({ index: i + 1, raftTerm: 1, size })),
  });

  expect(log.throughWithin(1, { bytes: 12, entries: 9 })).toBe(2);
  expect(log.throughWithin(1, { bytes: 100, entries: 3 })).toBe(3);
  expect(log.throughWithin(4, { bytes: 12, entries: 9 })).toBe(4);
  expect(log.throughWithin(5, { bytes: 12, entries: 9 })).toBe(5);
});

test("the tail behind a snapshot holds as many entries as fit, and may hold none", () => {
  const log = logOf({
    base: { index: 0, raftTerm: 0 },
    entries: [5, 5, 50, 5, 5].map((size, i) => ({ index: i + 1, raftTerm: 1, size })),
  });

  expect(log.tailStart(5, { bytes: 12, entries: 9 })).toBe(3);
  expect(log.tailStart(5, { bytes: 100, entries: 1 })).toBe(4);
  expect(log.tailStart(3, { bytes: 12, entries: 9 })).toBe(3);
  expect(log.tailStart(5, { bytes: 100, entries: 9 })).toBe(0);
});

test("an entry of an earlier term than the last one is a bug", () => {
  const log = new LogTerms({ index: 0, raftTerm: 4 });

  expect(() => log.append(3, 1)).toThrow(/R3/);
});

test("to cut off what a snapshot holds is a bug", () => {
  const log = new LogTerms({ index: 4, raftTerm: 4 });

  expect(() => log.truncateFrom(4)).toThrow(/R11/);
});

function change(prng: Prng, log: LogTerms, plain: PlainLog): void {
  const last = plain.entries.at(-1) ?? plain.base;
  const dice = prng.below(10);
  if (dice === 0) {
    const index = plain.base.index + prng.below(plain.entries.length + 1);
    const { raftTerm } = [plain.base, ...plain.entries].find((entry) => entry.index === index)!;
    log.compactTo(index);
    plain.entries = plain.entries.filter((entry) => entry.index > index);
    plain.base = { index, raftTerm };
  } else if (dice === 1 && plain.entries.length > 0) {
    const from = plain.base.index + 1 + prng.below(plain.entries.length);
    log.truncateFrom(from);
    plain.entries = plain.entries.filter((entry) => entry.index < from);
  } else if (dice === 2 && prng.chance(1, 4)) {
    plain.base = { index: last.index + prng.below(5), raftTerm: last.raftTerm + prng.below(3) };
    plain.entries = [];
    log.reset(plain.base);
  } else {
    const raftTerm = last.raftTerm + (prng.chance(1, 4) ? 1 + prng.below(3) : 0);
    const entry = { index: last.index + 1, raftTerm, size: prng.below(9) };
    plain.entries.push(entry);
    expect(log.append(raftTerm, entry.size)).toBe(entry.index);
  }
}

function expectEqual(log: LogTerms, { base, entries }: PlainLog, round: number): void {
  expect(log.base).toMatchObject(base);
  const last = entries.at(-1) ?? base;
  expect(log.last).toEqual({ index: last.index, raftTerm: last.raftTerm });
  let bytes = 0;
  for (const { index, raftTerm, size } of entries) {
    bytes += size;
    const isSame =
      log.raftTermAt(index) === raftTerm && log.bytesBetween(base.index, index) === bytes;
    if (!isSame) expect({ round, index }).toBe("equal");
  }
  expect(log.matches(base.index, base.raftTerm)).toBe(true);
  expect(log.matches(last.index + 1, last.raftTerm)).toBe(false);
}

function randomLog(prng: Prng, base = { index: prng.below(4), raftTerm: prng.below(3) }): PlainLog {
  const plain: PlainLog = { base, entries: [] };
  grow(prng, plain, prng.below(10));
  return plain;
}

/** Two logs that share a beginning, as those of a leader and a follower do (log matching). */
function relatedLogs(prng: Prng): readonly [PlainLog, PlainLog] {
  const common = randomLog(prng, { index: 0, raftTerm: 0 });
  const leader = { base: common.base, entries: [...common.entries] };
  const follower = { base: common.base, entries: [...common.entries] };
  // RaftTerms of the one are even and of the other odd: no leader gave both an entry of one index.
  grow(prng, leader, prng.below(8), 0);
  grow(prng, follower, prng.below(8), 1);
  return [leader, follower];
}

function grow(prng: Prng, plain: PlainLog, count: number, parity?: number): void {
  for (let i = 0; i < count; i++) {
    const last = plain.entries.at(-1) ?? plain.base;
    let raftTerm = last.raftTerm + (prng.chance(1, 3) ? 1 + prng.below(3) : 0);
    if (parity !== undefined && raftTerm % 2 !== parity) raftTerm += 1;
    plain.entries.push({ index: last.index + 1, raftTerm, size: 1 });
  }
}

/** The last index up to which both hold the same entries. */
function sharedIndex(a: PlainLog, b: PlainLog): number {
  let shared = a.base.index;
  for (const [i, entry] of a.entries.entries()) {
    if (entry.raftTerm !== b.entries[i]?.raftTerm) break;
    shared = entry.index;
  }
  return shared;
}

function logOf({ base, entries }: PlainLog): LogTerms {
  const log = new LogTerms(base);
  for (const { raftTerm, size } of entries) log.append(raftTerm, size);
  return log;
}
