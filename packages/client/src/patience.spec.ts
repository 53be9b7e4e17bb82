// SPDX-License-Identifier: Apache-2.0
import { type Clock, createManualClock } from "@conclave/base";
import { expect, test } from "vitest";
import { setPatience } from "./patience.ts";

test("patience runs out after its time, and not before", () => {
  const { clock, told } = createRig();
  setPatience(clock, 1_000, () => told.push(clock.monotonicMs()));

  clock.advance(999);
  expect(told).toEqual([]);
  clock.advance(1);
  expect(told).toEqual([1_000]);
});

test("the time for which the process stood still is waited again, once", () => {
  const rig = createRig();
  setPatience(rig.late, 1_000, () => rig.told.push(rig.clock.monotonicMs()));

  rig.standStill(1_400);
  expect(rig.told).toEqual([]);
  rig.standStill(400);

  expect(rig.told).toEqual([1_800]);
});

test("no more is waited again than was to be waited", () => {
  const rig = createRig();
  setPatience(rig.late, 1_000, () => rig.told.push(rig.clock.monotonicMs()));

  rig.standStill(60_000);
  rig.clock.advance(1_000);

  expect(rig.told).toEqual([61_000]);
});

test("patience that was cancelled while it waited again does not run out", () => {
  const rig = createRig();
  const cancel = setPatience(rig.late, 1_000, () => rig.told.push(0));
  rig.standStill(1_400);

  cancel();
  rig.clock.advance(60_000);

  expect(rig.told).toEqual([]);
  expect(rig.clock.pendingTimers).toBe(0);
});

/** `late` is the clock of a process that can stand still: what falls due meanwhile fires at its end. */
function createRig(): {
  readonly clock: ReturnType<typeof createManualClock>;
  readonly late: Clock;
  readonly told: number[];
  standStill(ms: number): void;
} {
  const clock = createManualClock();
  let stillUntilMs = 0;
  const late: Clock = {
    ...clock,
    setTimer(delayMs, fire) {
      let cancel = clock.setTimer(delayMs, () => {
        const leftMs = stillUntilMs - clock.monotonicMs();
        if (leftMs <= 0) fire();
        else cancel = clock.setTimer(leftMs, fire);
      });
      return () => cancel();
    },
  };
  return {
    clock,
    late,
    told: [],
    standStill(ms) {
      stillUntilMs = clock.monotonicMs() + ms;
      clock.advance(ms);
    },
  };
}
