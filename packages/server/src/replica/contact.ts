// SPDX-License-Identifier: Apache-2.0
/**
 * Whether a replica is in contact with a quorum: what streams that it serves are to say of it.
 *
 * A replica that knows no leader for a while may be cut off, and what it shows may be old. It is back
 * once it knows a leader and is level with it again.
 */

import type { ConfirmRounds } from "./confirm-rounds.ts";
import type { LogRole } from "./replicated-log.ts";

/**
 * How long a replica may know no leader before it counts as cut off, in milliseconds. The log says so
 * after an election timeout (300 to 600 ms); this lets the election that then follows pass unsaid, and
 * keeps both together within two of them.
 */
const LEADERLESS_MAX_MS = 500;

export class Contact {
  readonly #rounds: ConfirmRounds;
  readonly #changed: (hasContact: boolean) => void;
  #hasContact = true;
  #leaderlessSinceMs: number | undefined;
  #isRegaining = false;

  constructor(rounds: ConfirmRounds, changed: (hasContact: boolean) => void) {
    this.#rounds = rounds;
    this.#changed = changed;
  }

  get hasContact(): boolean {
    return this.#hasContact;
  }

  roleChanged(role: LogRole, nowMs: number): void {
    if (role.kind === "follower" && role.leader === undefined) {
      this.#leaderlessSinceMs ??= nowMs;
      return;
    }
    this.#leaderlessSinceMs = undefined;
    if (!this.#hasContact) this.#regain();
  }

  /** To be called at every tick that was not late. */
  sweep(nowMs: number): void {
    if (this.#leaderlessSinceMs === undefined) {
      if (!this.#hasContact) this.#regain();
      return;
    }
    if (!this.#hasContact) return;
    if (nowMs - this.#leaderlessSinceMs < LEADERLESS_MAX_MS) return;
    this.#hasContact = false;
    this.#changed(false);
  }

  #regain(): void {
    if (this.#isRegaining) return;
    this.#isRegaining = true;
    this.#rounds.join({
      giveUpAtMs: Number.POSITIVE_INFINITY,
      waitsForLeader: true,
      settle: (outcome) => {
        this.#isRegaining = false;
        if (outcome.kind === "failed") return;
        this.#hasContact = true;
        this.#changed(true);
      },
    });
  }
}
