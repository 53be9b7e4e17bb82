// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { stayAlive, systemChance, systemClock } from "./system-clock.ts";

const fired = (delayMs: number): Promise<number> => {
  const beganMs = systemClock.monotonicMs();
  return new Promise((resolve) => {
    systemClock.setTimer(delayMs, () => resolve(systemClock.monotonicMs() - beganMs));
    // The clock's own timers let a process end; this one keeps the test's alive for as long.
    setTimeout(() => {}, delayMs + 1_000).unref();
  });
};

test("a timer never fires before its delay has passed on the monotonic clock", async () => {
  const delays = Array.from({ length: 200 }, (_, index) => index / 10);
  const elapsed = await Promise.all(delays.map(fired));
  const early = delays.filter((delayMs, index) => elapsed[index]! < delayMs);
  expect(early).toEqual([]);
});

test("a timer does not fire synchronously, even with no delay", async () => {
  let isFired = false;
  const done = new Promise<void>((resolve) => {
    systemClock.setTimer(0, () => {
      isFired = true;
      resolve();
    });
  });
  expect(isFired).toBe(false);
  await done;
  expect(isFired).toBe(true);
});

test("a timer of more than 24 days does not fire at once", async () => {
  let isFired = false;
  const cancel = systemClock.setTimer(2 ** 31 + 1_000, () => {
    isFired = true;
  });
  await fired(20);
  expect(isFired).toBe(false);
  cancel();
});

test("a cancelled timer never fires, and cancelling twice is harmless", async () => {
  let isFired = false;
  const cancel = systemClock.setTimer(5, () => {
    isFired = true;
  });
  cancel();
  cancel();
  await fired(20);
  expect(isFired).toBe(false);
});

test("the clock's timers let a process end, until it is asked to stay alive", () => {
  // Node lists what keeps a process alive.
  const timers = (): number =>
    process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const before = timers();
  const cancel = systemClock.setTimer(1_000, () => {});
  expect(timers()).toBe(before);
  const release = stayAlive();
  expect(timers()).toBe(before + 1);
  release();
  expect(timers()).toBe(before);
  cancel();
});

test("session ids are 64 bits wide, never 0 and never the same", () => {
  const ids = Array.from({ length: 1_000 }, () => systemChance.sessionId());
  expect(new Set(ids).size).toBe(1_000);
  expect(ids.every((id) => id > 0n && id < 1n << 64n)).toBe(true);
  // All 64 bits are drawn: a thousand ids without one above 2^63 have a chance of 2^-1000.
  expect(ids.some((id) => id >= 1n << 63n)).toBe(true);
});
