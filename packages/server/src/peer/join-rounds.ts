// SPDX-License-Identifier: Apache-2.0
/**
 * Asks members of a running cluster, one after the other and again and again, to take a replica in.
 *
 * It asks until one accepts or all hope is gone; what acceptance changes is its caller's business.
 */

import type { Clock, Prng } from "@conclave/base";
import type { JoinOutcome, JoinRequest } from "../wire/introduction.ts";
import type { PeerIntroducer } from "./peer-dialer.ts";

export interface JoinRoundsOptions {
  readonly request: JoinRequest;
  /** HOST:PORT of those who may be asked, as they are known at the moment. */
  readonly targets: () => readonly string[];
  /** The cluster has taken the replica in, whoever it was that asked. */
  readonly isDone: () => boolean;
  readonly introducer: Pick<PeerIntroducer, "join">;
  readonly clock: Clock;
  readonly prng: Prng;
  /** For people; each thing is said once. */
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Longer than a member may take to find the leader and to have the change committed. */
const ANSWER_MS = 6_000;
const PAUSE_MS = { min: 200, max: 600 };
/** What held the number or the address before may have died just now, and that takes a while to see. */
const IN_USE_PATIENCE_MS = 30_000;

/** Resolves with the last word of the cluster; undefined if it is done or aborted. */
export async function runJoinRounds(options: JoinRoundsOptions): Promise<JoinOutcome | undefined> {
  const { clock, signal, isDone, targets, log, introducer, request } = options;
  const said = new Set<string>();
  const endMs = clock.monotonicMs() + IN_USE_PATIENCE_MS;
  const isOver = (): boolean => signal.aborted || isDone();
  while (!isOver()) {
    for (const address of targets()) {
      const outcome = await introducer.join(address, request, ANSWER_MS, signal);
      if (isOver()) return undefined;
      const isLate = clock.monotonicMs() >= endMs;
      if (outcome !== undefined && isFinal(outcome, isLate)) return outcome;
      const text = outcome === undefined ? "no answer" : `not yet: ${detailOf(outcome)}`;
      const line = `asking ${address} to be added: ${text}`;
      if (!said.has(line)) log(line);
      said.add(line);
    }
    await pause(options);
  }
  return undefined;
}

function isFinal(outcome: JoinOutcome, isLate: boolean): boolean {
  if (outcome.kind === "accepted") return true;
  return outcome.reason === "in-use" ? isLate : outcome.reason !== "not-now";
}

function detailOf(outcome: JoinOutcome): string {
  return outcome.kind === "refused" ? outcome.detail : "";
}

function pause({ clock, prng, signal }: JoinRoundsOptions): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancelTimer();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const delayMs = PAUSE_MS.min + prng.below(PAUSE_MS.max - PAUSE_MS.min + 1);
    const cancelTimer = clock.setTimer(delayMs, end);
    signal.addEventListener("abort", end);
  });
}
