// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { Clock } from "./clock.ts";
import { LoopWatch } from "./loop-watch.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";

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

test("schedule J: a timer that fires late judges nothing until the loop has gone round", () => {
  const { clock, manual, stall } = stallingClock();
  const loop = new LoopWatch(clock);
  const ticks: number[] = [];
  loop.onTick(() => ticks.push(manual.monotonicMs()));
  loop.start();

  manual.advance(10);
  stall(450);
  manual.advance(15);
  expect(ticks).toEqual([]);
  manual.advance(25);

  expect(ticks).toEqual([50]);
});

test("a loop that is behind at every tick judges all the same, by a time that runs slower", () => {
  const { clock, manual, stall } = stallingClock();
  const loop = new LoopWatch(clock);
  const judgedAt: number[] = [];
  loop.onTick(() => judgedAt.push(loop.loopNowMs()));
  loop.start();

  for (let i = 0; i < 4; i++) {
    stall(60);
    manual.advance(25);
  }

  expect(judgedAt).toEqual([50, 75, 100]);
});

test("a beat comes with every tick, and once only with one that is late", () => {
  const { clock, manual, stall } = stallingClock();
  const loop = new LoopWatch(clock);
  const heard: string[] = [];
  const end = loop.onBeat(() => heard.push("beat"));
  loop.onTick(() => heard.push("tick"));
  loop.start();

  manual.advance(10);
  stall(450);
  manual.advance(15);
  expect(heard).toEqual(["beat"]);
  manual.advance(25);
  expect(heard).toEqual(["beat", "beat", "tick"]);
  end();
  manual.advance(25);

  expect(heard).toEqual(["beat", "beat", "tick", "tick"]);
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

test("a stopped loop leaves no timer behind", () => {
  const { clock, manual } = stallingClock();
  const loop = new LoopWatch(clock);
  loop.start();

  loop.stop();

  expect(manual.pendingTimers).toBe(0);
});
