// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { expect, test } from "vitest";
import type { LogEntry } from "../log/entry.ts";
import { EntryCache } from "./entry-cache.ts";

const BYTES_MAX = 1_000;

test("a cache never gives another entry than the log's, nor misses one that is not yet applied", () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("add" as const), size: fc.nat(300) }) },
    fc.record({ kind: fc.constant("replace" as const), back: fc.nat(6) }),
    fc.record({ kind: fc.constant("settle" as const), part: fc.nat(10) }),
    fc.record({ kind: fc.constant("reset" as const), ahead: fc.nat(5) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const cache = new EntryCache(BYTES_MAX);
      let log = new Map<number, LogEntry>();
      let last = 0;
      let settled = 0;
      let raftTerm = 1;
      const add = (index: number, size: number): void => {
        const entry: LogEntry = { index, raftTerm, type: "proposal", bytes: new Uint8Array(size) };
        for (let i = index; i <= last; i++) log.delete(i);
        log.set(index, entry);
        last = index;
        cache.add(entry);
      };
      for (const next of steps) {
        if (next.kind === "add") add(last + 1, next.size);
        if (next.kind === "replace") {
          raftTerm += 1;
          add(Math.max(settled + 1, last - next.back), 10);
        }
        if (next.kind === "settle") {
          settled = Math.max(settled, Math.floor((last * next.part) / 10));
          cache.settle(settled);
        }
        if (next.kind === "reset") {
          cache.clear();
          log = new Map();
          last += next.ahead;
          settled = last;
        }
        for (let index = 1; index <= last + 1; index++) {
          const [found] = cache.range(index, index);
          if (found !== undefined || index > settled) expect(found).toBe(log.get(index));
        }
      }
    }),
    { numRuns: 300, seed: 11 },
  );
});

test("what is applied goes when the bound is passed, the oldest first", () => {
  const cache = new EntryCache(BYTES_MAX);
  for (let index = 1; index <= 10; index++) {
    cache.add({ index, raftTerm: 1, type: "proposal", bytes: new Uint8Array(200) });
  }

  cache.settle(9);

  expect(cache.range(7, 7)).toEqual([]);
  expect(cache.range(8, 20).map(({ index }) => index)).toEqual([8, 9, 10]);
});
