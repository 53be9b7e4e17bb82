// SPDX-License-Identifier: Apache-2.0
import {
  type Clock,
  createManualClock,
  LoopWatch,
  type ManualClock,
  TICK_MS,
} from "@conclave/base";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Deadlines } from "./deadlines.ts";

const session = (sessionId: bigint, ttlMs: number) => ({ sessionId, ttlMs, graceMs: 0 });

test("deadlines come up as a plain scan of all sessions would find them", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("open" as const), id: fc.nat(20), ttl: fc.nat(2_000) }),
    fc.record({ kind: fc.constant("renew" as const), id: fc.nat(20) }),
    fc.record({ kind: fc.constant("end" as const), id: fc.nat(20) }),
    fc.record({ kind: fc.constant("hold" as const), id: fc.nat(20) }),
    fc.record({ kind: fc.constant("release" as const), id: fc.nat(20) }),
    fc.record({ kind: fc.constant("shorten" as const), id: fc.nat(20), by: fc.nat(500) }),
    fc.record({ kind: fc.constant("advance" as const), ms: fc.nat(300) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const deadlines = new Deadlines();
      const twin = new Map<bigint, ReturnType<Deadlines["open"]>>();
      let nowMs = 0;
      const judge = (): void => {
        // On the grid of ticks both must agree: no deadline is found early, none more than one late.
        nowMs = Math.ceil(nowMs / TICK_MS) * TICK_MS;
        const due = deadlines.takeDue(nowMs);
        const expected = [...twin.values()].filter((record) => deadlines.isDue(record, nowMs));
        expect(new Set(due)).toEqual(new Set(expected));
        for (const record of due) {
          deadlines.end(record.sessionId);
          twin.delete(record.sessionId);
        }
      };
      for (const next of steps) {
        if (next.kind === "advance") {
          nowMs += next.ms;
          judge();
          continue;
        }
        const id = BigInt(next.id);
        const record = twin.get(id);
        if (next.kind === "open") twin.set(id, deadlines.open(session(id, next.ttl), nowMs));
        if (record === undefined) continue;
        if (next.kind === "renew") deadlines.renew(record, nowMs);
        if (next.kind === "hold") record.holds++;
        if (next.kind === "release" && record.holds > 0) record.holds--;
        if (next.kind === "shorten") {
          record.deadlineMs -= next.by;
          deadlines.watch(record);
        }
        if (next.kind === "end") {
          deadlines.end(id);
          twin.delete(id);
        }
      }
      nowMs += 5_000;
      judge();
    }),
    { numRuns: 300, seed: 7 },
  );
});

test("sessions after a month without any are looked at without walking through the month", () => {
  const deadlines = new Deadlines();
  const monthMs = 30 * 86_400_000;
  deadlines.takeDue(monthMs);

  const record = deadlines.open(session(1n, 500), monthMs);

  expect(deadlines.takeDue(monthMs + 480)).toEqual([]);
  expect(deadlines.takeDue(monthMs + 520)).toEqual([record]);
});

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
