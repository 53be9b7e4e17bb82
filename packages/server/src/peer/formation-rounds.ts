// SPDX-License-Identifier: Apache-2.0
/**
 * Asks the listed members who they are, all in one round and round after round, until it is clear
 * whether this node forms a cluster with them, joins one, or was told something else than they.
 *
 * What it finds out is written down by its caller before anything is done about it.
 */

import type { Clock, Prng } from "@conclave/base";
import type { Introduction } from "../wire/introduction.ts";
import { decideFormation, type FormationDecision, type Founder } from "./formation.ts";
import type { PeerIntroducer } from "./peer-dialer.ts";

export interface FormationRoundsOptions {
  readonly self: Founder;
  readonly introducer: Pick<PeerIntroducer, "introduce">;
  readonly clock: Clock;
  readonly prng: Prng;
  /** For people; each thing is said once. */
  readonly log: (text: string) => void;
  /** Ends the asking: the promise then resolves with undefined. */
  readonly signal: AbortSignal;
}

/** How long a member may take to say who it is; a dead address costs no more than this. */
const ANSWER_MS = 2_000;
/** Between two rounds: long enough to be no burden, short beside the start of a process. */
const PAUSE_MS = { min: 200, max: 600 };

/** Resolves with anything but `wait`, however long that takes. */
export async function runFormationRounds(
  options: FormationRoundsOptions,
): Promise<Exclude<FormationDecision, { readonly kind: "wait" }> | undefined> {
  const { self, signal, log } = options;
  const said = new Set<string>();
  while (!signal.aborted) {
    const decision = decideFormation(self, await askAll(options));
    if (signal.aborted) return undefined;
    if (decision.kind !== "wait") return decision;
    for (const text of complaintsOf(self, decision)) {
      if (!said.has(text)) log(text);
      said.add(text);
    }
    await pause(options);
  }
  return undefined;
}

async function askAll(options: FormationRoundsOptions): Promise<Map<number, Introduction>> {
  const { self, introducer, signal } = options;
  const others = self.listed.filter(({ node }) => node !== self.node);
  const asked = others.map(async ({ node, address }) => {
    return { node, answer: await introducer.introduce(address, ANSWER_MS, signal) };
  });
  const answers = new Map<number, Introduction>();
  for (const { node, answer } of await Promise.all(asked)) {
    if (answer !== undefined) answers.set(node, answer);
  }
  return answers;
}

function complaintsOf(
  self: Founder,
  decision: FormationDecision & { readonly kind: "wait" },
): readonly string[] {
  if (decision.reason === "majority-lost") {
    const joining = decision.joining.join(", ");
    return [
      `node ${joining} waits to join a cluster of which no data directory is left: most of them were lost; start from a backup, or wipe all nodes to begin anew`,
    ];
  }
  return decision.silent.map((silent) => {
    const address = self.listed.find(({ node }) => node === silent)?.address;
    return `waiting for node ${silent} at ${address}: a new cluster begins when all listed members have answered`;
  });
}

function pause({ clock, prng, signal }: FormationRoundsOptions): Promise<void> {
  return new Promise((resolve) => {
    const delayMs = PAUSE_MS.min + prng.below(PAUSE_MS.max - PAUSE_MS.min + 1);
    const end = (): void => {
      cancelTimer();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancelTimer = clock.setTimer(delayMs, end);
    signal.addEventListener("abort", end);
  });
}
