// SPDX-License-Identifier: Apache-2.0
import { createManualClock } from "@conclave/base";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Countdown, Reading } from "./countdown.ts";
import {
  type GuardEffect,
  type GuardEvent,
  type GuardState,
  NEW_GUARD,
  sleepMs,
  step,
} from "./guard.ts";

test("a command starts when it is ordered to, and not before", () => {
  const guard = createRig();

  expect(guard.take({ kind: "time_passed" })).toEqual([]);
  expect(guard.start(3000)).toEqual(["spawn worker"]);
});

test("an order that comes too late for the drain starts nothing", () => {
  const guard = createRig();

  expect(guard.start(1000)).toEqual(["report too_late", "quit"]);
});

test("the group gets SIGTERM at the lease's end less the drain, and SIGKILL at its end", () => {
  const guard = createRig();
  guard.start(3000);

  expect(guard.sleepUntil(1999)).toEqual([]);
  expect(guard.sleepUntil(2000)).toEqual(["signal SIGTERM", "report lease_low"]);
  expect(guard.sleepUntil(2999)).toEqual([]);
  expect(guard.sleepUntil(3000)).toEqual(["signal SIGKILL"]);
});

test("a renewal in time keeps the command running", () => {
  const guard = createRig();
  guard.start(3000);
  guard.sleepUntil(1900);

  guard.take({ kind: "lease", lease: guard.lease(3000) });

  expect(guard.sleepUntil(3899)).toEqual([]);
  expect(guard.sleepUntil(3900)).toEqual(["signal SIGTERM", "report lease_low"]);
});

test("a lease that moved back counts from the moment it is heard of", () => {
  const guard = createRig();
  guard.start(3000);

  expect(guard.take({ kind: "lease", lease: guard.lease(400) })).toEqual([
    "signal SIGTERM",
    "report lease_low",
  ]);
  expect(guard.sleepUntil(399)).toEqual([]);
  expect(guard.sleepUntil(400)).toEqual(["signal SIGKILL"]);
});

test("a lease that arrives after SIGTERM buys the group no time beyond its drain", () => {
  const guard = createRig();
  guard.start(3000);
  guard.sleepUntil(2000);

  guard.take({ kind: "lease", lease: guard.lease(3000) });

  expect(guard.sleepUntil(2999)).toEqual([]);
  expect(guard.sleepUntil(3000)).toEqual(["signal SIGKILL"]);
});

test("a guard that was itself stopped over both moments kills when it wakes", () => {
  const guard = createRig();
  guard.start(3000);

  guard.stopFor(60_000);

  expect(guard.take({ kind: "time_passed" })).toEqual([
    "signal SIGTERM",
    "report lease_low",
    "signal SIGKILL",
  ]);
});

test("time that the machine slept counts although its monotonic clock stood still", () => {
  const guard = createRig();
  guard.start(3000);

  guard.suspendMachine(3000);

  expect(guard.take({ kind: "time_passed" })).toContain("signal SIGKILL");
});

test("the end of the pipe kills at once, draining or not", () => {
  const running = createRig();
  running.start(3000);
  const draining = createRig();
  draining.start(3000);
  draining.take({ kind: "stop", signal: "SIGTERM" });

  expect(running.take({ kind: "runner_gone" })).toEqual(["signal SIGKILL"]);
  expect(draining.take({ kind: "runner_gone" })).toEqual(["signal SIGKILL"]);
});

test("the end of the pipe before an order ends the guard", () => {
  expect(createRig().take({ kind: "runner_gone" })).toEqual(["quit"]);
});

test("a stop passes its signal on and kills when the drain is over", () => {
  const guard = createRig();
  guard.start(3000);

  expect(guard.take({ kind: "stop", signal: "SIGINT" })).toEqual(["signal SIGINT"]);
  expect(guard.sleepUntil(999)).toEqual([]);
  expect(guard.sleepUntil(1000)).toEqual(["signal SIGKILL"]);
});

test("a second stop is passed on and does not begin the drain again", () => {
  const guard = createRig();
  guard.start(3000);
  guard.take({ kind: "stop", signal: "SIGINT" });
  guard.sleepUntil(500);

  expect(guard.take({ kind: "stop", signal: "SIGTERM" })).toEqual(["signal SIGTERM"]);
  expect(guard.sleepUntil(1000)).toEqual(["signal SIGKILL"]);
});

test("what the command leaves behind in its group ends too, and is reported only then", () => {
  const guard = createRig();
  guard.start(3000);

  expect(guard.take(EXITED)).toEqual(["signal SIGTERM", "await_group"]);
  expect(guard.sleepUntil(1000)).toEqual(["signal SIGKILL"]);
  expect(guard.take({ kind: "group_gone" })).toEqual(["report ended", "quit"]);
});

test("however events fall, nothing of the group is left alone once its lease is over", () => {
  const event = fc.oneof(
    fc.record({ kind: fc.constant("renew" as const), leftMs: fc.integer({ min: 0, max: 3000 }) }),
    fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 900 }) }),
    fc.record({ kind: fc.constant("suspend" as const), ms: fc.integer({ min: 0, max: 900 }) }),
    fc.constant({ kind: "exit" as const }),
    fc.constant({ kind: "stop" as const }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (events) => {
      const guard = createRig();
      guard.start(3000);
      let lease = guard.lease(3000);
      let hasExited = false;
      for (const one of events) {
        if (one.kind === "renew") {
          lease = guard.lease(one.leftMs);
          guard.take({ kind: "lease", lease });
        } else if (one.kind === "pass") guard.sleepUntil(guard.now().monotonicMs + one.ms);
        else if (one.kind === "suspend") guard.suspendMachine(one.ms);
        else if (one.kind === "stop") guard.take({ kind: "stop", signal: "SIGTERM" });
        else if (!hasExited) {
          hasExited = true;
          guard.take(EXITED);
        }
        guard.take({ kind: "time_passed" });
        const elapsedMs = guard.now().uptimeMs - lease.readAt.uptimeMs;
        if (elapsedMs >= lease.leftMs) expect(guard.all).toContain("signal SIGKILL");
      }
    }),
    { numRuns: 1000, seed: 1 },
  );
});

const EXITED: GuardEvent = { kind: "exited", exit: { code: 0, signal: null } };

/** A guard on a manual clock, with what it did as lines. */
function createRig() {
  const clock = createManualClock();
  let suspendedMs = 0;
  let state: GuardState = NEW_GUARD;
  const all: string[] = [];
  const now = (): Reading => ({
    monotonicMs: clock.monotonicMs(),
    uptimeMs: clock.monotonicMs() + suspendedMs,
  });
  const lease = (leftMs: number): Countdown => ({ readAt: now(), leftMs });
  const take = (event: GuardEvent): readonly string[] => {
    const next = step(state, event, now());
    state = next.state;
    const lines = next.effects.map(describeEffect);
    all.push(...lines);
    return lines;
  };
  return {
    all,
    now,
    lease,
    take,
    start: (leaseMs: number) =>
      take({ kind: "start", command: ["worker"], env: {}, drainMs: 1000, lease: lease(leaseMs) }),
    /** Sleeps as the guard's own timer would, and gives what it did at the last moment only. */
    sleepUntil(untilMs: number): readonly string[] {
      for (let ms = sleepMs(state, now()); ms !== undefined; ms = sleepMs(state, now())) {
        if (clock.monotonicMs() + ms >= untilMs) break;
        clock.advance(Math.max(ms, 1));
        take({ kind: "time_passed" });
      }
      clock.advance(Math.max(0, untilMs - clock.monotonicMs()));
      return take({ kind: "time_passed" });
    },
    stopFor: (ms: number) => clock.advance(ms),
    suspendMachine(ms: number) {
      suspendedMs += ms;
    },
  };
}

function describeEffect(effect: GuardEffect): string {
  if (effect.kind === "spawn") return `spawn ${effect.command.join(" ")}`;
  if (effect.kind === "signal") return `signal ${effect.signal}`;
  if (effect.kind === "report") return `report ${effect.report.kind}`;
  return effect.kind;
}
