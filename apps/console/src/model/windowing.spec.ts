// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rowAfterKey, rowsInView, scrollToShow } from "./windowing.ts";

const VIEWPORT = fc.record({
  scrollTop: fc.integer({ min: -50, max: 500_000 }),
  height: fc.integer({ min: 0, max: 2_000 }),
  rowHeight: fc.integer({ min: 20, max: 100 }),
  count: fc.integer({ min: 0, max: 10_000 }),
});

describe("rowsInView", () => {
  it("draws every row of which a pixel is in sight, and few others", () => {
    fc.assert(
      fc.property(VIEWPORT, fc.integer({ min: 0, max: 10 }), (viewport, spare) => {
        const { height, rowHeight, count } = viewport;
        const most = Math.max(0, count * rowHeight - height);
        // A browser never leaves an element scrolled beyond its content.
        const scrollTop = Math.min(Math.max(0, viewport.scrollTop), most);
        const { first, end } = rowsInView({ ...viewport, scrollTop }, spare);
        for (const y of [scrollTop, scrollTop + height - 1]) {
          const row = Math.floor(y / rowHeight);
          if (height === 0 || row >= count) continue;
          expect(first).toBeLessThanOrEqual(row);
          expect(end).toBeGreaterThan(row);
        }
        expect(end - first).toBeLessThanOrEqual(Math.ceil(height / rowHeight) + 1 + 2 * spare);
      }),
      { numRuns: 500 },
    );
  });

  it("draws the last rows where the list has become shorter than it is scrolled", () => {
    const viewport = { scrollTop: 90_000, height: 400, rowHeight: 40, count: 20 };
    expect(rowsInView(viewport, 0)).toEqual({ first: 10, end: 20 });
  });
});

describe("scrollToShow", () => {
  const viewport = { scrollTop: 400, height: 200, rowHeight: 40, count: 100 };

  it("does not scroll for a row that is seen whole", () => {
    expect(scrollToShow(10, viewport)).toBe(400);
    expect(scrollToShow(14, viewport)).toBe(400);
  });

  it("scrolls just so far that a row above or below is seen whole", () => {
    expect(scrollToShow(9, viewport)).toBe(360);
    expect(scrollToShow(15, viewport)).toBe(440);
  });
});

describe("rowAfterKey", () => {
  const viewport = { scrollTop: 0, height: 200, rowHeight: 40, count: 100 };

  it("moves by one, by a page less one row, and to the ends, and not beyond them", () => {
    expect(rowAfterKey("ArrowDown", -1, viewport)).toBe(0);
    expect(rowAfterKey("ArrowDown", 99, viewport)).toBe(99);
    expect(rowAfterKey("ArrowUp", 0, viewport)).toBe(0);
    expect(rowAfterKey("PageDown", 10, viewport)).toBe(14);
    expect(rowAfterKey("PageUp", 2, viewport)).toBe(0);
    expect(rowAfterKey("Home", 50, viewport)).toBe(0);
    expect(rowAfterKey("End", 0, viewport)).toBe(99);
  });

  it("leads nowhere for other keys and in an empty list", () => {
    expect(rowAfterKey("x", 0, viewport)).toBeUndefined();
    expect(rowAfterKey("ArrowDown", -1, { ...viewport, count: 0 })).toBeUndefined();
  });
});
