// SPDX-License-Identifier: Apache-2.0
/**
 * What a guard does, as a function of what it is told: the rules that keep a command from outliving
 * the lease that it works under.
 *
 *   - At the lease's end less the drain the group gets SIGTERM, at the lease's end SIGKILL, and no
 *     runner has to be alive for that: a stopped or hanging runner sends no further lease.
 *   - When the pipe to the runner ends, the group gets SIGKILL at once.
 *   - What has been told to end ends: a lease that arrives later buys no time for a new beginning.
 *
 * It reads no clock, signals nobody and does no I/O: guard-main.ts carries its effects out.
 */

import { assert, unreachable } from "@conclave/base";
import { type Countdown, leftOf, type Reading } from "./countdown.ts";
import type { CommandExit, Order, Report } from "./guard-protocol.ts";

/**
 * The longest that a guard sleeps. After a machine's suspend its timers are late by the time slept,
 * so this bounds for how long a command runs on after waking with its lease gone.
 */
const CHECK_EVERY_MS = 100;

export interface GuardState {
  /** `waiting` for a command, `running` it, `ending` its group, `over`. */
  readonly phase: "waiting" | "running" | "ending" | "over";
  readonly lease: Countdown | undefined;
  readonly drainMs: number;
  /** Once the group has been told to end: what is left until SIGKILL. */
  readonly drain: Countdown | undefined;
  readonly isKilled: boolean;
  readonly exit: CommandExit | undefined;
}

export const NEW_GUARD: GuardState = {
  phase: "waiting",
  lease: undefined,
  drainMs: 0,
  drain: undefined,
  isKilled: false,
  exit: undefined,
};

export type GuardEvent =
  | Order
  /** The program could not be started. */
  | { readonly kind: "not_started"; readonly problem: string; readonly exitCode: number }
  /** The command itself ended; others of its group may run on. */
  | { readonly kind: "exited"; readonly exit: CommandExit }
  /** Nothing of the group runs any more. Comes after `exited`. */
  | { readonly kind: "group_gone" }
  | { readonly kind: "runner_gone" }
  | { readonly kind: "time_passed" };

export type GuardEffect =
  | {
      readonly kind: "spawn";
      readonly command: readonly string[];
      readonly env: Readonly<Record<string, string>>;
    }
  | { readonly kind: "signal"; readonly signal: NodeJS.Signals }
  | { readonly kind: "report"; readonly report: Report }
  /** Look out for the moment when nothing of the group runs any more. */
  | { readonly kind: "await_group" }
  | { readonly kind: "quit" };

export interface GuardStep {
  readonly state: GuardState;
  readonly effects: readonly GuardEffect[];
}

/** Takes one event at the time given; the effects are to be carried out in their order. */
export function step(state: GuardState, event: GuardEvent, now: Reading): GuardStep {
  if (state.phase === "over") return { state, effects: [] };
  switch (event.kind) {
    case "start":
      return start(state, event, now);
    case "lease":
      return watchTime({ ...state, lease: event.lease }, now);
    case "stop":
      return stop(state, event.signal, now);
    case "not_started":
      return over(state, [{ kind: "report", report: event }]);
    case "exited":
      return takeExit(state, event.exit, now);
    case "group_gone":
      return takeGroupGone(state);
    case "runner_gone":
      return takeRunnerGone(state);
    case "time_passed":
      return watchTime(state, now);
    default:
      return unreachable(event);
  }
}

/** How long the guard may sleep before it must look at its clocks again. */
export function sleepMs(state: GuardState, now: Reading): number | undefined {
  if (state.phase === "waiting" || state.phase === "over" || state.isKilled) return undefined;
  const untilNextMs =
    state.phase === "running" ? leaseLeft(state, now) - state.drainMs : killLeft(state, now);
  return Math.min(CHECK_EVERY_MS, Math.max(0, untilNextMs));
}

function start(
  state: GuardState,
  order: Extract<Order, { readonly kind: "start" }>,
  now: Reading,
): GuardStep {
  assert(state.phase === "waiting", "a guard guards one command");
  const { lease, drainMs } = order;
  // The runner may have been stopped between winning the office and this order.
  if (leftOf(lease, now) <= drainMs) {
    return over(state, [{ kind: "report", report: { kind: "too_late" } }]);
  }
  return {
    state: { ...state, phase: "running", lease, drainMs },
    effects: [{ kind: "spawn", command: order.command, env: order.env }],
  };
}

function watchTime(state: GuardState, now: Reading): GuardStep {
  if (state.phase === "running" && leaseLeft(state, now) <= state.drainMs) {
    const begun = beginToEnd(state, now);
    const effects: readonly GuardEffect[] = [
      { kind: "signal", signal: "SIGTERM" },
      { kind: "report", report: { kind: "lease_low" } },
    ];
    const timed = watchTime(begun, now);
    return { state: timed.state, effects: [...effects, ...timed.effects] };
  }
  if (state.phase === "ending" && !state.isKilled && killLeft(state, now) <= 0) return kill(state);
  return { state, effects: [] };
}

function stop(state: GuardState, signal: NodeJS.Signals, now: Reading): GuardStep {
  if (state.phase === "waiting") return over(state, []);
  if (signal === "SIGKILL") return kill(state);
  const isFirst = state.phase === "running";
  return {
    // A second signal is passed on, and does not start the drain again.
    state: isFirst ? beginToEnd(state, now) : state,
    effects: [{ kind: "signal", signal }],
  };
}

function takeExit(state: GuardState, exit: CommandExit, now: Reading): GuardStep {
  const withExit: GuardState = { ...state, exit };
  if (state.phase !== "running") return { state: withExit, effects: [{ kind: "await_group" }] };
  // What the command left behind in its group works under the same lease and ends with it.
  return {
    state: beginToEnd(withExit, now),
    effects: [{ kind: "signal", signal: "SIGTERM" }, { kind: "await_group" }],
  };
}

function takeGroupGone(state: GuardState): GuardStep {
  assert(state.exit !== undefined, "a group is gone only after its command has ended");
  return over(state, [{ kind: "report", report: { kind: "ended", exit: state.exit } }]);
}

function takeRunnerGone(state: GuardState): GuardStep {
  return state.phase === "waiting" ? over(state, []) : kill(state);
}

function kill(state: GuardState): GuardStep {
  return {
    state: { ...state, phase: "ending", isKilled: true },
    effects: [{ kind: "signal", signal: "SIGKILL" }],
  };
}

function over(state: GuardState, effects: readonly GuardEffect[]): GuardStep {
  return { state: { ...state, phase: "over" }, effects: [...effects, { kind: "quit" }] };
}

function beginToEnd(state: GuardState, now: Reading): GuardState {
  return { ...state, phase: "ending", drain: { readAt: now, leftMs: state.drainMs } };
}

function leaseLeft(state: GuardState, now: Reading): number {
  assert(state.lease !== undefined, "a command runs under a lease");
  return leftOf(state.lease, now);
}

/** The drain never outlasts the lease. */
function killLeft(state: GuardState, now: Reading): number {
  assert(state.drain !== undefined, "a group that ends has a drain");
  return Math.min(leftOf(state.drain, now), leaseLeft(state, now));
}
