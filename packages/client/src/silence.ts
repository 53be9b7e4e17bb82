// SPDX-License-Identifier: Apache-2.0
/**
 * Suspects nodes that say nothing while a question waits for their answer, long before the
 * connection's PING would tell. It sets timers and says so; what to do about it is the owner's.
 */

import type { CancelTimer, Clock } from "@conclave/base";
import type { Channel } from "./channel.ts";
import { setPatience } from "./patience.ts";

export interface SilenceOwner {
  /** When the oldest question was sent that waits over this channel, in monotonic ms; or nothing. */
  oldestSentMs(channel: Channel): number | undefined;
  /** Nothing has been heard over it for too long. */
  silent(channel: Channel): void;
}

/** Beyond a fail-over of the server, in which a node that lives may have nothing to say. */
const PATIENCE_MS = 1_500;
/** Doubled with each suspicion until somebody speaks: where nobody leads, moving on helps nobody. */
const DOUBLINGS_MAX = 4;

interface Watched {
  heardMs: number;
  cancel: CancelTimer;
}

export class Silence {
  readonly #clock: Clock;
  readonly #owner: SilenceOwner;
  readonly #watched = new Map<Channel, Watched>();
  #suspicions = 0;

  constructor(clock: Clock, owner: SilenceOwner) {
    this.#clock = clock;
    this.#owner = owner;
  }

  /** A question is being sent. */
  asked(channel: Channel): void {
    if (this.#watched.has(channel)) return;
    const watched: Watched = { heardMs: Number.NEGATIVE_INFINITY, cancel: () => {} };
    this.#watched.set(channel, watched);
    this.#look(channel, watched, this.#patienceMs);
  }

  heard(channel: Channel): void {
    this.#suspicions = 0;
    const watched = this.#watched.get(channel);
    if (watched !== undefined) watched.heardMs = this.#clock.monotonicMs();
  }

  /** The channel is attached no more. */
  forget(channel: Channel): void {
    this.#watched.get(channel)?.cancel();
    this.#watched.delete(channel);
  }

  close(): void {
    for (const channel of [...this.#watched.keys()]) this.forget(channel);
  }

  get #patienceMs(): number {
    return PATIENCE_MS * 2 ** Math.min(this.#suspicions, DOUBLINGS_MAX);
  }

  #look(channel: Channel, watched: Watched, afterMs: number): void {
    watched.cancel = setPatience(this.#clock, afterMs, () => {
      const oldestMs = this.#owner.oldestSentMs(channel);
      if (oldestMs === undefined) {
        this.#watched.delete(channel);
        return;
      }
      const sinceMs = Math.max(oldestMs, watched.heardMs);
      const leftMs = sinceMs + this.#patienceMs - this.#clock.monotonicMs();
      if (leftMs > 0) {
        this.#look(channel, watched, leftMs);
        return;
      }
      this.#watched.delete(channel);
      this.#suspicions += 1;
      this.#owner.silent(channel);
    });
  }
}
