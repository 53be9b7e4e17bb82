// SPDX-License-Identifier: Apache-2.0
import { type Clock, createManualClock, type ManualClock } from "@conclave/base";
import { expect, test } from "vitest";
import { Deadlines } from "./deadlines.ts";
import { LoopWatch } from "./loop-watch.ts";

/** A machine whose loop can stall: time passes, and no timer fires until it is over. */
function stallingClock(): { clock: Clock; manual: ManualClock; stall(ms: number): void } {
  const manual = createManualClock();
  let stalledMs = 0;
  const clock: Clock = {
    monotonicMs: () => manual.monotonicMs() + stalledMs,
    wallMs: () => manual.wallMs() + stalledMs,
    setTimer: (delayMs, fire) => manual.setTimer(delayMs, fire),
  };
  return {
    clock,
    manual,
    stall: (ms) => {
      stalledMs += ms;
    },
  };
}

test("schedule J: a stall of the loop moves every deadline by as much", () => {
  const { clock, manual, stall } = stallingClock();
  const loop = new LoopWatch(clock);
  const deadlines = new Deadlines();
  loop.start();
  deadlines.open({ sessionId: 1n, ttlMs: 500, graceMs: 0 }, loop.loopNowMs());

  manual.advance(400);
  stall(450);
  manual.advance(60);
  const dueAfterStall = deadlines.takeDue(loop.loopNowMs());
  manual.advance(60);

  expect(dueAfterStall).toEqual([]);
  expect(deadlines.takeDue(loop.loopNowMs())).toHaveLength(1);
});

test("schedule J: a timer that fires late judges nothing until the loop has gone round", () => {
  const { clock, manual, stall } = stallingClock();
  const loop = new LoopWatch(clock);
  const ticks: number[] = [];
  loop.onTick(() => ticks.push(manual.monotonicMs()));
  loop.start();

  manual.advance(10);
  stall(450);
  manual.advance(10);
  expect(ticks).toEqual([]);
  manual.advance(20);

  expect(ticks).toEqual([40]);
});

test("loop time never falls, not even while a stall is noticed", () => {
  const { clock, manual, stall } = stallingClock();
  const loop = new LoopWatch(clock);
  loop.start();
  const seen: number[] = [];

  for (let i = 0; i < 200; i++) {
    seen.push(loop.loopNowMs());
    if (i % 17 === 0) stall(137);
    seen.push(loop.loopNowMs());
    manual.advance(7);
  }

  expect(seen).toEqual([...seen].sort((a, b) => a - b));
});

test("a renewal handled after a stall, before its tick, is good for a whole TTL", () => {
  const { clock, manual, stall } = stallingClock();
  const loop = new LoopWatch(clock);
  const deadlines = new Deadlines();
  loop.start();
  const record = deadlines.open({ sessionId: 1n, ttlMs: 500, graceMs: 0 }, loop.loopNowMs());

  manual.advance(490);
  stall(450);
  deadlines.renew(record, loop.loopNowMs());
  manual.advance(480);

  expect(deadlines.takeDue(loop.loopNowMs())).toEqual([]);
});

test("a stopped loop leaves no timer behind", () => {
  const { clock, manual } = stallingClock();
  const loop = new LoopWatch(clock);
  loop.start();

  loop.stop();

  expect(manual.pendingTimers).toBe(0);
});
