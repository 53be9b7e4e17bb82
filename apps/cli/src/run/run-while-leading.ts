// SPDX-License-Identifier: Apache-2.0
/**
 * Runs a command while this process leads an election, and only then.
 *
 * The order that everything here keeps: the guard is up before the office is sought; the command
 * starts after the office is held; the office is resigned after nothing of the command runs. What
 * keeps the last one true when this process cannot is the guard (guard.ts).
 */

import type { CampaignState, Election, ElectionError, Leadership } from "@conclave/client";
import { signalExitCode } from "../exit-code.ts";
import type { Stops } from "../stops.ts";
import { type Countdown, earlier } from "./countdown.ts";
import type { CommandEnd, Guard } from "./guarded-command.ts";
import { readClocks } from "./system-reading.ts";

/** What the guard may be late by before this process kills in its stead. */
const GUARD_LATE_MS = 500;

export interface RunPlan {
  readonly candidate: string;
  readonly command: readonly string[];
  readonly ttlMs: number;
  /** 0: off. */
  readonly graceMs: number;
  readonly drainMs: number;
  /** Whether to end after the first term instead of entering again when it is lost. */
  readonly isOnce: boolean;
}

export interface RunSurroundings {
  /** Tells the user what happens; one line. */
  readonly say: (line: string) => void;
  readonly stops: Stops;
  readonly createGuard: () => Guard;
}

/** Resolves with the exit code: the command's own, 128 + n where signal n ended it. */
export async function runWhileLeading(
  election: Election,
  plan: RunPlan,
  surroundings: RunSurroundings,
): Promise<number> {
  const { say, stops, createGuard } = surroundings;
  const finished = new AbortController();
  let exitCode: number | undefined;
  let guard = createGuard();
  let term: Term | undefined;
  const release = stops.listen((signal) => {
    if (term !== undefined) return term.stop(signal);
    exitCode = signalExitCode(signal);
    finished.abort();
  });

  const work = async (leadership: Leadership): Promise<void> => {
    guard = await liveGuard(guard, createGuard);
    // A stop may have come while the guard was waited for.
    if (finished.signal.aborted) return;
    say(`leading ${election.name} with term ${leadership.fence.term}`);
    term = beginTerm(guard, leadership, plan, say);
    const { end, loss } = await term.ended;
    const wasStopped = term.wasStopped();
    term = undefined;
    say(describeEnd(plan, end, loss));
    const isFinal = wasStopped || plan.isOnce || (loss === undefined && isOwnEnd(end));
    if (!isFinal) {
      guard = createGuard();
      return;
    }
    exitCode = exitCodeOf(end);
    finished.abort();
  };
  try {
    if (!(await guard.ready)) throw new Error("the guard process did not start");
    await election.serve(work, {
      candidate: plan.candidate,
      ttlMs: plan.ttlMs,
      graceMs: plan.graceMs,
      signal: finished.signal,
      onState: stateTeller(election.name, plan.candidate, say),
      onDeadline: (remainingMs) => term?.renew(remainingMs),
    });
  } finally {
    release();
    guard.dismiss();
  }
  return exitCode ?? 0;
}

/** A guard that was killed while nothing ran is replaced; one that cannot come up is an error. */
async function liveGuard(guard: Guard, createGuard: () => Guard): Promise<Guard> {
  if (!guard.isGone && (await guard.ready)) return guard;
  const next = createGuard();
  if (!(await next.ready)) throw new Error("the guard process did not start");
  return next;
}

/** One run of the command, in one term of office. */
interface Term {
  readonly ended: Promise<TermEnd>;
  /** Passes the lease on to the guard when it has moved; it now ends in `remainingMs`. */
  renew(remainingMs: number): void;
  /** The user's signal: the first ends the command with its drain, a second one at once. */
  stop(signal: NodeJS.Signals): void;
  wasStopped(): boolean;
}

interface TermEnd {
  readonly end: CommandEnd;
  /** Why the office was lost before the command ended; undefined where the command ended first. */
  readonly loss: string | undefined;
}

function beginTerm(
  guard: Guard,
  leadership: Leadership,
  plan: RunPlan,
  say: (line: string) => void,
): Term {
  let loss: string | undefined;
  let isStopped = false;
  let lateGuard: NodeJS.Timeout | undefined;
  let lease = leaseOf(leadership);

  const endCommand = (signal: NodeJS.Signals): void => {
    guard.stop(signal);
    lateGuard ??= setTimeout(() => guard.kill(), plan.drainMs + GUARD_LATE_MS);
  };
  const lose = (): void => {
    const error: ElectionError = leadership.signal.reason;
    loss = describeLoss(error);
    // Only an operator's move leaves a lease behind to drain in. Otherwise it is over, and if the
    // guard were able to act it would have killed already.
    if (error.code === "EVICTED" || error.code === "SUPERSEDED") endCommand("SIGTERM");
    else guard.kill();
  };
  const start = async (): Promise<TermEnd> => {
    const end = await guard.start({
      command: plan.command,
      env: {
        CONCLAVE_ELECTION: leadership.fence.election,
        CONCLAVE_CANDIDATE: plan.candidate,
        CONCLAVE_TERM: String(leadership.fence.term),
      },
      drainMs: plan.drainMs,
      lease,
    });
    clearTimeout(lateGuard);
    leadership.signal.removeEventListener("abort", lose);
    return { end, loss: loss ?? (isStopped ? undefined : lossOf(end)) };
  };

  const ended = start();
  if (leadership.signal.aborted) lose();
  else leadership.signal.addEventListener("abort", lose);
  return {
    ended,
    renew(remainingMs) {
      const next = leaseOf(leadership);
      // Suspended, an office says 0 although its lease goes on. That adds nothing to what the guard
      // has, and kills nobody either; only a deadline that moved back is passed on.
      const isSuspended = next.leftMs <= 0;
      lease = isSuspended ? earlier(lease, { ...next, leftMs: remainingMs }) : next;
      guard.renew(lease);
    },
    stop(signal) {
      if (isStopped) {
        say(`${signal} again: killing the command`);
        return guard.kill();
      }
      isStopped = true;
      endCommand(signal);
    },
    wasStopped: () => isStopped,
  };
}

/**
 * The lease as a countdown. The clocks are read *before* what remains: were this process stopped
 * between the two, the other order would hand the guard a deadline later by the time of the stop.
 */
function leaseOf(leadership: Leadership): Countdown {
  const readAt = readClocks();
  return { readAt, leftMs: leadership.remainingMs };
}

function lossOf(end: CommandEnd): string | undefined {
  if (end.kind === "guard_gone") return "the guard process was killed";
  if (end.kind === "too_late" || (end.kind === "ended" && end.wasLeaseLow)) {
    return "the lease ran low";
  }
  return undefined;
}

function describeLoss(error: ElectionError): string {
  return `${error.message} (${error.code})`;
}

function isOwnEnd(end: CommandEnd): boolean {
  return end.kind === "ended" || end.kind === "not_started";
}

function exitCodeOf(end: CommandEnd): number {
  if (end.kind === "not_started") return end.exitCode;
  if (end.kind !== "ended") return 1;
  return end.exit.signal === null ? (end.exit.code ?? 1) : signalExitCode(end.exit.signal);
}

function describeEnd(plan: RunPlan, end: CommandEnd, loss: string | undefined): string {
  const how = describeCommandEnd(end);
  if (loss === undefined) return how;
  return `lost: ${loss}; ${how}${plan.isOnce ? "" : "; entering again"}`;
}

function describeCommandEnd(end: CommandEnd): string {
  switch (end.kind) {
    case "not_started":
      return `the command did not start: ${end.problem}`;
    case "too_late":
      return "the command was not started";
    case "guard_gone":
      return "the command was killed";
    default:
      return end.exit.signal === null
        ? `the command ended with code ${end.exit.code}`
        : `the command was ended by ${end.exit.signal}`;
  }
}

/** Tells of a place in line, and of its being in doubt; the beginning of both is not doubt. */
function stateTeller(
  election: string,
  candidate: string,
  say: (line: string) => void,
): (state: CampaignState) => void {
  let hasPlace = false;
  return (state) => {
    if (state === "queued") say(`waiting in line of ${election} as ${candidate}`);
    if (state === "suspended" && hasPlace) say(`the server has to confirm ${candidate} anew`);
    if (state === "queued" || state === "leading") hasPlace = true;
  };
}
