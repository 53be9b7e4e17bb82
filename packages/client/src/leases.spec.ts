// SPDX-License-Identifier: Apache-2.0
import { createManualClock, type ManualClock } from "@conclave/base";
import { expect, test } from "vitest";
import { createBeliefClock } from "./belief.ts";
import { Leases } from "./leases.ts";

/** Attachments. */
const [A, B] = [{}, {}];

test("B: of two renewals under way, exactly the one that the answer names is credited", () => {
  const { clock, leases } = opened({ ttlMs: 1_000, graceMs: 0 });
  const first = leases.send([1], A);
  clock.advance(200);
  leases.send([1], A);
  clock.advance(100);

  leases.confirm(1, first, A);

  expect(leases.remainingMs(1)).toBe(1_000 - 70 - 300);
});

test("an answer that overtakes a later one takes nothing away", () => {
  const { clock, leases } = opened({ ttlMs: 1_000, graceMs: 0 });
  const first = leases.send([1], A);
  clock.advance(200);
  const second = leases.send([1], A);

  leases.confirm(1, second, A);
  leases.confirm(1, first, A);

  expect(leases.remainingMs(1)).toBe(930);
  expect(leases.hasConfirmed(1, second)).toBe(true);
});

test("a renewal sent more than a TTL ago credits nothing", () => {
  const { clock, leases } = opened({ ttlMs: 1_000, graceMs: 0 });
  const first = leases.send([1], A);
  clock.advance(1_500);

  leases.confirm(1, first, A);

  expect(leases.remainingMs(1)).toBeLessThanOrEqual(0);
});

test("the end of a connection caps the deadline until a renewal that was sent after it", () => {
  const { clock, leases } = opened({ ttlMs: 1_000, graceMs: 300 });
  const before = leases.send([1], A);
  leases.confirm(1, before, A);

  leases.ended(A, false);
  clock.advance(10);
  leases.confirm(1, before, A);
  expect(leases.remainingMs(1)).toBe(300 - 70 - 10);

  leases.confirm(1, leases.send([1], A), A);
  expect(leases.remainingMs(1)).toBe(930);
});

test("the end of an attachment caps only where the server may have heard through it last", () => {
  const { leases } = opened({ ttlMs: 1_000, graceMs: 300 });
  leases.confirm(1, leases.send([1], A), A);
  leases.confirm(2, leases.send([2], B), B);

  leases.ended(A, false);

  expect(leases.remainingMs(1)).toBe(230);
  expect(leases.remainingMs(2)).toBe(930);
});

test("a partition that was confirmed elsewhere since is not touched by the end of the one before", () => {
  const { leases } = opened({ ttlMs: 1_000, graceMs: 300 });
  const before = leases.send([1], A);
  leases.answered(1, A);
  leases.confirm(1, before, A);
  leases.confirm(1, leases.send([1], B), B);

  leases.ended(A, false);

  expect(leases.remainingMs(1)).toBe(930);
});

test("E: a renewal that may still arrive through the old attachment keeps its end dangerous", () => {
  const { leases } = opened({ ttlMs: 1_000, graceMs: 300 });
  leases.send([1], A);
  leases.confirm(1, leases.send([1], B), B);

  leases.ended(A, false);

  expect(leases.remainingMs(1)).toBe(230);
});

test("a wall clock that was set back lengthens nothing, and the clock of sleep shortens", () => {
  let sleptMs = 0;
  const clock = createManualClock();
  const uptimeMs = (): number => clock.monotonicMs() + sleptMs;
  const leases = new Leases(createBeliefClock(clock, { uptimeMs }), { ttlMs: 1_000, graceMs: 0 });
  leases.confirm(1, leases.send([1], A), A);

  clock.jumpWall(-3_600_000);
  expect(leases.remainingMs(1)).toBe(930);
  sleptMs = 400;
  expect(leases.remainingMs(1)).toBe(530);
  sleptMs = -400;
  expect(leases.remainingMs(1)).toBe(930);
});

test("to credit what was never sent is our own bug", () => {
  const { leases } = opened({ ttlMs: 1_000, graceMs: 0 });

  expect(() => leases.confirm(1, 1n, A)).toThrow("C2: only what was sent is credited");
});

function opened(times: { ttlMs: number; graceMs: number }): { clock: ManualClock; leases: Leases } {
  const clock = createManualClock();
  const beliefClock = createBeliefClock(clock, { uptimeMs: () => clock.monotonicMs() });
  return { clock, leases: new Leases(beliefClock, times) };
}
