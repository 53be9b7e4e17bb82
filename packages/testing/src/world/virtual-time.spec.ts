// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { createVirtualTime } from "./virtual-time.ts";

const drain = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

function create() {
  const thrown: unknown[] = [];
  const time = createVirtualTime(drain, (error) => thrown.push(error));
  const runAll = async (): Promise<void> => {
    while (await time.step(Number.MAX_SAFE_INTEGER)) {
      // The next one.
    }
  };
  return { time, thrown, runAll };
}

test("events happen by their time, and in the order they were asked for where times are equal", async () => {
  const { time, runAll } = create();
  const seen: string[] = [];
  const due = [50, 10, 30, 10, 40, 30, 20, 10];
  for (const [i, us] of due.entries()) time.at(us, () => seen.push(`${us} ${i}`));

  await runAll();

  expect(seen).toEqual(["10 1", "10 3", "10 7", "20 6", "30 2", "30 5", "40 4", "50 0"]);
  expect(time.nowUs).toBe(50);
});

test("what was taken back does not happen and does not count", async () => {
  const { time, runAll } = create();
  const seen: number[] = [];
  const cancel = time.at(1, () => seen.push(1));
  time.at(2, () => seen.push(2));

  cancel();
  cancel();
  const { pending } = time;
  await runAll();

  expect(seen).toEqual([2]);
  expect([pending, time.pending]).toEqual([1, 0]);
});

test("all promises have run before the next event, however many follow from one another", async () => {
  const { time, runAll } = create();
  const seen: string[] = [];
  const chain = async (): Promise<void> => {
    for (let i = 0; i < 1_000; i++) await Promise.resolve();
    seen.push("chain");
  };
  time.at(5, () => void chain());
  time.at(5, () => seen.push("next"));

  await runAll();

  expect(seen).toEqual(["chain", "next"]);
});

test("what an event throws is told, and time goes on", async () => {
  const { time, thrown, runAll } = create();
  const seen: number[] = [];
  time.at(1, () => {
    throw new Error("bad");
  });
  time.at(2, () => seen.push(2));

  await runAll();

  expect([String(thrown[0]), seen]).toEqual(["Error: bad", [2]]);
});

test("nothing happens before it is due, and time may pass without it", async () => {
  const { time } = create();
  const seen: number[] = [];
  time.at(100, () => seen.push(time.nowUs));

  expect(await time.step(99)).toBe(false);
  time.passTo(99);
  expect([time.nowUs, seen]).toEqual([99, []]);
  expect(await time.step(100)).toBe(true);
  expect(seen).toEqual([100]);
  expect(() => time.passTo(99)).not.toThrow();
});
