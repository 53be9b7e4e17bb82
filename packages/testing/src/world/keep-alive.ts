// SPDX-License-Identifier: Apache-2.0
/** The PINGs of a connection, as HTTP/2 has them on both sides: what is silent for too long is over. */

import type { CancelTimer, Clock } from "@conclave/base";

export interface PingTimes {
  /** Of silence, before it is asked. */
  readonly intervalMs: number;
  /** How long the answer may take. */
  readonly timeoutMs: number;
}

export class KeepAlive {
  readonly #clock: Clock;
  readonly #times: PingTimes;
  readonly #ping: () => void;
  readonly #lost: () => void;
  #hasHeard = false;
  #cancel: CancelTimer = () => {};

  constructor(clock: Clock, times: PingTimes, ping: () => void, lost: () => void) {
    this.#clock = clock;
    this.#times = times;
    this.#ping = ping;
    this.#lost = lost;
    this.#look();
  }

  /** Anything has come. */
  heard(): void {
    this.#hasHeard = true;
  }

  stop(): void {
    this.#cancel();
  }

  #look(): void {
    this.#hasHeard = false;
    this.#cancel = this.#clock.setTimer(this.#times.intervalMs, () => {
      if (this.#hasHeard) this.#look();
      else this.#ask();
    });
  }

  #ask(): void {
    this.#ping();
    this.#cancel = this.#clock.setTimer(this.#times.timeoutMs, () => {
      if (this.#hasHeard) this.#look();
      else this.#lost();
    });
  }
}
