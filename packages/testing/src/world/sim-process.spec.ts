// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { SimProcess } from "./sim-process.ts";
import { createVirtualTime } from "./virtual-time.ts";

function create(driftPpm = 0) {
  const thrown: string[] = [];
  const time = createVirtualTime(
    () => Promise.resolve(),
    (error) => thrown.push(String(error)),
  );
  const told = (where: string, error: unknown): void => void thrown.push(`${where}: ${error}`);
  const process = new SimProcess({ name: "p", time, driftPpm, thrown: told });
  const passTo = async (ms: number): Promise<void> => {
    while (await time.step(ms * 1000)) {
      // The next one.
    }
    time.passTo(ms * 1000);
  };
  return { time, process, thrown, passTo };
}

test("a clock that runs 1 % fast fires its timers early in true time, and never by its own", async () => {
  const { process, time, passTo } = create(10_000);
  const seen: number[][] = [];
  process.clock.setTimer(1_000, () => seen.push([time.nowMs, process.clock.monotonicMs()]));

  await passTo(2_000);

  const [[trueMs, ownMs] = []] = seen;
  expect(trueMs).toBeCloseTo(1_000 / 1.01, 2);
  expect(ownMs).toBeGreaterThanOrEqual(1_000);
  expect(process.clock.monotonicMs()).toBeCloseTo(2_020, 2);
});

test("a paused process takes its timers and what has come to it when it goes on, late and in order", async () => {
  const { process, time, passTo } = create();
  const seen: string[] = [];
  const take = (what: string) => (): void => void seen.push(`${what} at ${time.nowMs}`);
  process.clock.setTimer(10, take("timer"));
  time.at(5_000, () => process.take(take("frame")));
  process.clock.setTimer(100, take("late timer"));

  process.pause();
  await passTo(50);
  expect(seen).toEqual([]);
  process.resume("as-it-came");
  await passTo(200);

  expect(seen).toEqual(["frame at 50", "timer at 50", "late timer at 100"]);
});

test("a process that goes on may come round to its timers first", async () => {
  const { process, time, passTo } = create();
  const seen: string[] = [];
  process.clock.setTimer(10, () => seen.push("timer"));
  time.at(5_000, () => process.take(() => seen.push("frame")));

  process.pause();
  await passTo(50);
  process.resume("timers-first");
  await passTo(51);

  expect(seen).toEqual(["timer", "frame"]);
});

test("while the machine sleeps its monotonic clock stands still, and its uptime goes on", async () => {
  const { process, time, passTo } = create();
  const seen: number[] = [];
  process.clock.setTimer(100, () => seen.push(time.nowMs));
  await passTo(60);

  process.suspend();
  await passTo(1_060);
  const asleep = [process.clock.monotonicMs(), process.clock.uptimeMs()];
  process.resume("as-it-came");
  await passTo(2_000);

  expect(asleep).toEqual([60, 1_060]);
  expect(seen).toEqual([1_100]);
  expect([process.clock.monotonicMs(), process.clock.uptimeMs()]).toEqual([1_000, 2_000]);
});

test("a process that has ended never runs again, whatever was due", async () => {
  const { process, passTo } = create();
  const seen: string[] = [];
  process.clock.setTimer(10, () => seen.push("timer"));
  process.defer(() => seen.push("deferred"));

  process.end();
  process.take(() => seen.push("frame"));
  process.resume("as-it-came");
  await passTo(50);

  expect(seen).toEqual([]);
});

test("what is deferred in one turn runs together after it", async () => {
  const { process, passTo } = create();
  const seen: string[] = [];
  process.take(() => {
    process.defer(() => seen.push("a"));
    process.defer(() => seen.push("b"));
    seen.push("turn");
  });
  await passTo(0);

  expect(seen).toEqual(["turn", "a", "b"]);
});

test("what a process throws is told with its name", async () => {
  const { process, thrown, passTo } = create();
  process.clock.setTimer(1, () => {
    throw new Error("bad");
  });
  await passTo(5);

  expect(thrown).toEqual(["p: Error: bad"]);
});

test("a wall clock jumps alone", () => {
  const { process } = create();
  const before = process.clock.wallMs();
  process.clock.jumpWall(-5_000);
  expect([process.clock.wallMs() - before, process.clock.monotonicMs()]).toEqual([-5_000, 0]);
});

test("a machine that is told to sleep while it sleeps has slept all the time", async () => {
  const { process, passTo } = create();

  process.suspend();
  await passTo(700);
  process.suspend();
  await passTo(1_000);
  process.resume("timers-first");

  expect([process.clock.monotonicMs(), process.clock.uptimeMs()]).toEqual([0, 1_000]);
});
