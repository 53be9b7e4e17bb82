// SPDX-License-Identifier: Apache-2.0
/**
 * What the command line answers when it fails: a number for scripts, and one line for people that
 * ends with what to do next. The numbers never change their meaning.
 */

import { constants } from "node:os";
import type { ElectionError, ElectionErrorCode } from "@conclave/client";

/** The meaning of each exit code. Servers add their own from 10 on, commands under `run` theirs. */
export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  unavailable: 3,
  conflict: 4,
  denied: 5,
  notFound: 6,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface Failure {
  readonly exitCode: ExitCode;
  readonly line: string;
}

/** A refusal of the command line itself, on its way out through commander. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** What a shell reports for a process that signal n ended: 128 + n. */
export function signalExitCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** Any failure as a code and one line; `endpoints` are those that were tried. */
export function describeFailure(thrown: unknown, endpoints: readonly string[]): Failure {
  if (thrown instanceof CliError) return { exitCode: thrown.exitCode, line: thrown.message };
  if (!isElectionError(thrown)) {
    return { exitCode: EXIT.error, line: oneLine(thrown) };
  }
  const { exitCode, advice } = ANSWERS[thrown.code];
  const effect = thrown.outcome === "unknown" && exitCode === EXIT.unavailable ? UNKNOWN : "";
  const next = advice.replace("%endpoints", endpoints.join(", "));
  return { exitCode, line: `${oneLine(thrown)}${effect}; ${next}` };
}

/** By name: the class itself would load the network's libraries before a mistake is answered. */
function isElectionError(thrown: unknown): thrown is ElectionError {
  return thrown instanceof Error && thrown.name === "ElectionError" && "code" in thrown;
}

const UNKNOWN = " (a command may or may not have been applied)";

interface Answer {
  readonly exitCode: ExitCode;
  readonly advice: string;
}

const AGAIN: Answer = { exitCode: EXIT.error, advice: "run the command again" };
const UNAVAILABLE: Answer = {
  exitCode: EXIT.unavailable,
  advice:
    'is a server running at %endpoints? Start one with "conclave dev", or name another with --endpoint',
};

const ANSWERS: Readonly<Record<ElectionErrorCode, Answer>> = {
  LOST: AGAIN,
  EXPIRED: AGAIN,
  EVICTED: AGAIN,
  SUPERSEDED: AGAIN,
  SUSPENDED: AGAIN,
  RESIGNED: AGAIN,
  CLOSED: AGAIN,
  ABORTED: AGAIN,
  GAP: { exitCode: EXIT.error, advice: "watch again from the start" },
  NO_QUORUM: UNAVAILABLE,
  TIMEOUT: UNAVAILABLE,
  NOT_FOUND: { exitCode: EXIT.notFound, advice: '"conclave ls" shows what there is' },
  CONFLICT: {
    exitCode: EXIT.conflict,
    advice: 'look at it with "conclave get" and decide anew',
  },
  INVALID: { exitCode: EXIT.usage, advice: "correct the value" },
  DENIED: { exitCode: EXIT.denied, advice: "check the token in CONCLAVE_TOKEN" },
  QUOTA: { exitCode: EXIT.error, advice: "the cluster is at a limit: remove what is unused" },
  OTHER_CLUSTER: {
    exitCode: EXIT.error,
    advice: "the endpoints %endpoints are not of one cluster: correct --endpoint",
  },
  INTERNAL: { exitCode: EXIT.error, advice: "the server's log says more" },
};

/** Messages from below may hold line ends; an error of ours never does. */
function oneLine(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return message.replace(/\s*\n\s*/g, " ").replace(/[.;]$/, "");
}
