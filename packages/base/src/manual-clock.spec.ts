// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { createManualClock } from "./manual-clock.ts";

test("timers fire in the order of their deadlines, each at its own time", () => {
  const clock = createManualClock();
  const fired: string[] = [];
  clock.setTimer(20, () => fired.push(`late at ${clock.monotonicMs()}`));
  clock.setTimer(10, () => fired.push(`early at ${clock.monotonicMs()}`));

  clock.advance(50);

  expect(fired).toEqual(["early at 10", "late at 20"]);
  expect(clock.monotonicMs()).toBe(50);
});

test("timers of one deadline fire in the order in which they were set", () => {
  const clock = createManualClock();
  const fired: number[] = [];
  for (const n of [1, 2, 3]) clock.setTimer(5, () => fired.push(n));

  clock.advance(5);

  expect(fired).toEqual([1, 2, 3]);
});

test("a timer set while time moves fires in the same move if it falls due", () => {
  const clock = createManualClock();
  const fired: number[] = [];
  clock.setTimer(10, () => clock.setTimer(10, () => fired.push(clock.monotonicMs())));

  clock.advance(25);

  expect(fired).toEqual([20]);
});

test("a cancelled timer never fires and is no longer pending", () => {
  const clock = createManualClock();
  const cancel = clock.setTimer(10, () => expect.unreachable("it was cancelled"));

  cancel();
  cancel();
  clock.advance(100);

  expect(clock.pendingTimers).toBe(0);
});

test("a timer of no delay still waits for time to be told to move", () => {
  const clock = createManualClock();
  let hasFired = false;
  clock.setTimer(0, () => {
    hasFired = true;
  });

  expect(hasFired).toBe(false);
  clock.advance(0);
  expect(hasFired).toBe(true);
});

test("a jump of the wall clock leaves the monotonic clock and the timers alone", () => {
  const clock = createManualClock(1_000_000);
  let hasFired = false;
  clock.setTimer(10, () => {
    hasFired = true;
  });

  clock.jumpWall(-3_600_000);

  expect(clock.wallMs()).toBe(1_000_000 - 3_600_000);
  expect(clock.monotonicMs()).toBe(0);
  expect(hasFired).toBe(false);
});
