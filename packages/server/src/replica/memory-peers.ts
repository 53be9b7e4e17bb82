// SPDX-License-Identifier: Apache-2.0
/**
 * The in-memory twin of calls between nodes: every call is bytes there and bytes back, and takes a
 * turn each way. Ways can be cut, lose answers, or hold requests up.
 */

import type { Clock } from "@conclave/base";
import type { PeerCallHandler, PeerCallOptions, PeerCallOutcome, PeerCalls } from "./peer-calls.ts";

/**
 * - `cut`: nothing gets there, and that is known.
 * - `lose-answers`: what is asked is done, and nobody learns that it was.
 * - `hold`: requests wait on their way until the fault is gone.
 */
export type PeerFault = "cut" | "lose-answers" | "hold";

export class MemoryPeers {
  readonly #clock: Clock;
  readonly #handlers = new Map<number, PeerCallHandler>();
  readonly #faults = new Map<string, PeerFault>();
  #held: { readonly way: string; readonly go: () => void }[] = [];
  /** Every call that was made, as `from>to`. */
  readonly calls: string[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The calls of a node, and the door at which it is called. */
  of(node: number): PeerCalls {
    return {
      call: (to, request, options) => this.#call(node, to, request, options),
      serve: (handler) => void this.#handlers.set(node, handler),
    };
  }

  /** Sets what is wrong on the way from one node to another, or ends it. */
  fault(from: number, to: number, fault: PeerFault | undefined): void {
    const way = `${from}>${to}`;
    if (fault === undefined) this.#faults.delete(way);
    else this.#faults.set(way, fault);
    if (fault === "hold") return;
    const freed = this.#held.filter((held) => held.way === way);
    this.#held = this.#held.filter((held) => held.way !== way);
    for (const { go } of freed) go();
  }

  #call(
    from: number,
    to: number,
    request: Uint8Array,
    { giveUpAtMs, signal }: PeerCallOptions,
  ): Promise<PeerCallOutcome> {
    const way = `${from}>${to}`;
    this.calls.push(way);
    const handler = this.#handlers.get(to);
    if (handler === undefined || this.#faults.get(way) === "cut") {
      return Promise.resolve({ kind: "unreachable", isSent: false });
    }
    return new Promise((resolve) => {
      const served = new AbortController();
      const giveUp = (): void => {
        served.abort();
        resolve({ kind: "timeout" });
      };
      const remainingMs = Math.max(0, giveUpAtMs - this.#clock.monotonicMs());
      const cancelTimer = this.#clock.setTimer(remainingMs, giveUp);
      signal?.addEventListener("abort", giveUp);
      const serve = async (): Promise<void> => {
        const options = { giveUpAtMs, signal: served.signal };
        const answer = await handler(from, request.slice(), options);
        cancelTimer();
        const isLost = this.#faults.get(way) === "lose-answers";
        resolve(isLost ? { kind: "unreachable", isSent: true } : { kind: "answered", answer });
      };
      if (this.#faults.get(way) === "hold") this.#held.push({ way, go: () => void serve() });
      else queueMicrotask(() => void serve());
    });
  }
}
