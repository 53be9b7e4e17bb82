// SPDX-License-Identifier: Apache-2.0
/**
 * Sessions whose clients listen at this node, and when a replica may begin to tell them.
 *
 * One that has just started shows the past until it is level with its leader: a client must not take
 * office, or give it up, by what it was told of that.
 */

import type { Change, SessionId, SessionView } from "@conclave/fsm";
import { Candidacies, type CandidacyListener } from "./candidacies.ts";
import type { ConfirmRounds } from "./confirm-rounds.ts";

export interface AttachmentsOptions {
  readonly partition: number;
  readonly rounds: Pick<ConfirmRounds, "join">;
  /** Of the applied state; undefined for one that ended or never was here. */
  readonly openSession: (sessionId: SessionId) => SessionView | undefined;
  /** Of the applied state. */
  readonly revision: () => bigint;
}

export class Attachments {
  readonly #options: AttachmentsOptions;
  readonly #candidacies: Candidacies;
  /** What is to be done once the replica is level. */
  readonly #waiting = new Set<() => void>();
  #isCaughtUp = false;
  #isCatchingUp = false;

  constructor(options: AttachmentsOptions) {
    this.#options = options;
    this.#candidacies = new Candidacies(options.partition);
  }

  /** The replica has been level with its leader since it was started. */
  get isCaughtUp(): boolean {
    return this.#isCaughtUp;
  }

  /** Follows a session's own candidacies until the function that it returns is called. */
  attach(sessionId: SessionId, listener: CandidacyListener): () => void {
    let detach = (): void => void this.#waiting.delete(begin);
    const begin = (): void => {
      const { openSession, revision } = this.#options;
      detach = this.#candidacies.attach(sessionId, listener, openSession(sessionId), revision());
    };
    if (this.#isCaughtUp) begin();
    else this.#waiting.add(begin);
    return () => detach();
  }

  /** To be called whenever a leader may have come, until it is level. */
  catchUp(): void {
    if (this.#isCaughtUp || this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    this.#options.rounds.join({
      giveUpAtMs: Number.POSITIVE_INFINITY,
      waitsForLeader: true,
      settle: (outcome) => {
        this.#isCatchingUp = false;
        if (outcome.kind === "failed") return;
        this.#isCaughtUp = true;
        for (const begin of this.#waiting) begin();
        this.#waiting.clear();
      },
    });
  }

  publish(change: Change): void {
    this.#candidacies.publish(change);
  }

  /** The state was replaced, and how it came to be so is not told. */
  replaced(): void {
    const { openSession, revision } = this.#options;
    this.#candidacies.replaced(openSession, revision());
  }
}
