// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { createChangeLog } from "./change-log.ts";

function logOf(max: number, count: number): readonly number[] {
  const log = createChangeLog(max);
  for (let i = 0; i < count; i++) log.add({ kind: "gap", namespace: "default", receivedMs: i });
  return log.entries().map(({ id }) => id);
}

describe("a change log", () => {
  it("keeps the last entries in the order in which they came, however many there were", () => {
    expect(logOf(3, 0)).toEqual([]);
    expect(logOf(3, 2)).toEqual([1, 2]);
    expect(logOf(3, 3)).toEqual([1, 2, 3]);
    expect(logOf(3, 4)).toEqual([2, 3, 4]);
    expect(logOf(3, 8)).toEqual([6, 7, 8]);
  });

  it("answers with the same array until something is added, and never changes one it gave", () => {
    const log = createChangeLog(2);
    log.add({ kind: "gap", namespace: "a", receivedMs: 0 });
    const before = log.entries();
    expect(log.entries()).toBe(before);
    log.add({ kind: "gap", namespace: "b", receivedMs: 0 });
    log.add({ kind: "gap", namespace: "c", receivedMs: 0 });
    expect(before.map(({ namespace }) => namespace)).toEqual(["a"]);
    expect(log.entries().map(({ namespace }) => namespace)).toEqual(["b", "c"]);
  });
});
