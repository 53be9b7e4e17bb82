// SPDX-License-Identifier: Apache-2.0
/** Which numbers a KeepAlive of S1 leaves open, and for how long. */
import { expect, test } from "vitest";
import { writeFilter } from "./memory-s1.ts";
import { acknowledgementOf } from "./s1-acknowledgement.ts";
import { type NumberFilter, readFilter } from "./s1-filter.ts";

const OPEN_MAX = 512;
const NOTHING_BEFORE = { through: 0, open: [] };

const only = (...open: number[]): NumberFilter => ({ has: (number) => open.includes(number) });

test("the twin of the clients writes the filters that the original wrote", () => {
  expect([[2], [1], [5, 6, 9], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]].map(writeFilter)).toEqual([
    '{"m":7,"k":5,"b":"AAAAAAAAAAcAAAAAAAAAXA=="}',
    '{"m":7,"k":5,"b":"AAAAAAAAAAcAAAAAAAAAFQ=="}',
    '{"m":19,"k":5,"b":"AAAAAAAAABMAAAAAAAQo1g=="}',
    '{"m":63,"k":5,"b":"AAAAAAAAAD9Wo9Km_1XHSQ=="}',
  ]);
});

test("what the filter holds stays open, and what it holds no more is closed", () => {
  const kept = { sessionId: 7n, lastInput: 9, filter: only(3, 8, 12) };
  expect(acknowledgementOf(kept, NOTHING_BEFORE, OPEN_MAX)).toEqual({
    kind: "acknowledge-s1",
    sessionId: 7n,
    number: 9,
    open: [3, 8],
  });
  const later = { ...kept, lastInput: 12, filter: only(8, 12) };
  expect(acknowledgementOf(later, { through: 9, open: [3, 8] }, OPEN_MAX)).toMatchObject({
    number: 12,
    open: [8, 12],
  });
});

test("a KeepAlive that says nothing new acknowledges nothing", () => {
  const kept = { sessionId: 7n, lastInput: 9, filter: only(3) };
  expect(acknowledgementOf(kept, { through: 9, open: [3] }, OPEN_MAX)).toBeUndefined();
  const overtaken = { ...kept, lastInput: 5 };
  expect(acknowledgementOf(overtaken, { through: 9, open: [3, 8] }, OPEN_MAX)).toBeUndefined();
});

test("one that was overtaken closes nothing above its own number", () => {
  const overtaken = { sessionId: 7n, lastInput: 5, filter: only() };
  expect(acknowledgementOf(overtaken, { through: 9, open: [3, 8] }, OPEN_MAX)).toMatchObject({
    number: 9,
    open: [8],
  });
});

test("one KeepAlive looks at 65,536 numbers at most, however far ahead it is; the next goes on", () => {
  let asked = 0;
  const filter = { has: () => ++asked < 0 };
  const kept = { sessionId: 7n, lastInput: Number.MAX_SAFE_INTEGER, filter };
  const first = acknowledgementOf(kept, NOTHING_BEFORE, OPEN_MAX);
  expect([first?.number, asked]).toEqual([65_536, 65_536]);
  expect(acknowledgementOf(kept, { through: 65_536, open: [] }, OPEN_MAX)?.number).toBe(131_072);
});

test("numbers that only look open never fill the room: the oldest are taken for answered", () => {
  // A watch is open for months, and its filter holds one number in forty besides.
  const filter = readFilter(new TextEncoder().encode(writeFilter([2])))!;
  let before: { through: number; open: readonly number[] } = NOTHING_BEFORE;
  for (let lastInput = 5_000; lastInput <= 60_000; lastInput += 5_000) {
    const kept = { sessionId: 7n, lastInput, filter };
    const { number, open } = acknowledgementOf(kept, before, OPEN_MAX)!;
    before = { through: number, open };
    expect(number).toBe(lastInput);
  }
  expect(before.open).toHaveLength(OPEN_MAX);
  expect(before.open[0]).toBeGreaterThan(30_000);
});
