// SPDX-License-Identifier: Apache-2.0
/**
 * The calls of this node to one other: those that wait to be sent, and those that wait for an answer.
 *
 * Each is settled exactly once. None is ever sent twice.
 */

import type { Answer, Call } from "@conclave/api/peer";
import type { CancelTimer, Clock } from "@conclave/base";
import type { PeerCallOptions, PeerCallOutcome } from "../replica/peer-calls.ts";

/** What may wait to be sent; more is refused as unreachable, for it has not been sent. */
const UNSENT_MAX = 16_384;
const UNSENT_BYTES_MAX = 8 * 1024 * 1024;
/** What a call takes in a frame beside its request. */
const CALL_BYTES = 32;
const TIMEOUT_MS_MAX = 2 ** 32 - 1;

interface OpenCall {
  readonly request: Uint8Array;
  readonly giveUpAtMs: number;
  readonly settle: (outcome: PeerCallOutcome) => void;
  isSent: boolean;
}

export class OpenCalls {
  readonly #clock: Clock;
  /** There is something to send. */
  readonly #wake: () => void;
  readonly #open = new Map<bigint, OpenCall>();
  #unsent: bigint[] = [];
  #unsentBytes = 0;
  #cancelled: bigint[] = [];
  #last = 0n;

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  get hasUnsent(): boolean {
    return this.#unsent.length > 0 || this.#cancelled.length > 0;
  }

  call(request: Uint8Array, options: PeerCallOptions): Promise<PeerCallOutcome> {
    const { giveUpAtMs, signal } = options;
    const leftMs = giveUpAtMs - this.#clock.monotonicMs();
    if (leftMs <= 0 || signal?.aborted === true) return Promise.resolve({ kind: "timeout" });
    const bytes = request.length + CALL_BYTES;
    const isFull =
      this.#unsent.length >= UNSENT_MAX || this.#unsentBytes + bytes > UNSENT_BYTES_MAX;
    if (isFull) return Promise.resolve({ kind: "unreachable", isSent: false });
    const correlation = ++this.#last;
    this.#unsent.push(correlation);
    this.#unsentBytes += bytes;
    this.#wake();
    return new Promise((resolve) => {
      const giveUp = (): void => this.#giveUp(correlation);
      const cancelTimer: CancelTimer = this.#clock.setTimer(leftMs, giveUp);
      signal?.addEventListener("abort", giveUp);
      const settle = (outcome: PeerCallOutcome): void => {
        this.#open.delete(correlation);
        cancelTimer();
        signal?.removeEventListener("abort", giveUp);
        resolve(outcome);
      };
      this.#open.set(correlation, { request, giveUpAtMs, settle, isSent: false });
    });
  }

  /** The calls for the next frame, at least one if there is any. They count as sent from now on. */
  takeCalls(bytesMax: number): Call[] {
    const calls: Call[] = [];
    const nowMs = this.#clock.monotonicMs();
    let bytes = 0;
    let taken = 0;
    for (const correlation of this.#unsent) {
      const call = this.#open.get(correlation);
      // Given up before it was sent.
      if (call === undefined) {
        taken++;
        continue;
      }
      const size = call.request.length + CALL_BYTES;
      if (calls.length > 0 && bytes + size > bytesMax) break;
      taken++;
      bytes += size;
      call.isSent = true;
      const timeoutMs = Math.ceil(Math.min(Math.max(call.giveUpAtMs - nowMs, 1), TIMEOUT_MS_MAX));
      // Only read; the types cannot know that it is no shared memory.
      const request = call.request as Uint8Array<ArrayBuffer>;
      calls.push({ $typeName: "conclave.peer.v1.Call", correlation, timeoutMs, request });
    }
    this.#unsent = taken === this.#unsent.length ? [] : this.#unsent.slice(taken);
    this.#unsentBytes = this.#unsent.length === 0 ? 0 : this.#unsentBytes - bytes;
    return calls;
  }

  takeCancelled(): bigint[] {
    const cancelled = this.#cancelled;
    this.#cancelled = [];
    return cancelled;
  }

  answered({ correlation, answer, isRefused }: Answer): void {
    // Unknown: given up meanwhile.
    const call = this.#open.get(correlation);
    if (isRefused) call?.settle({ kind: "unreachable", isSent: false });
    else call?.settle({ kind: "answered", answer });
  }

  /** The stream is over: what has been sent on it may have been served, and nobody will say. */
  lost(): void {
    this.#unsent = [];
    this.#unsentBytes = 0;
    this.#cancelled = [];
    for (const { settle, isSent } of [...this.#open.values()]) {
      settle({ kind: "unreachable", isSent });
    }
  }

  #giveUp(correlation: bigint): void {
    const call = this.#open.get(correlation);
    if (call === undefined) return;
    if (call.isSent) {
      this.#cancelled.push(correlation);
      this.#wake();
    } else {
      this.#unsentBytes -= call.request.length + CALL_BYTES;
    }
    call.settle({ kind: "timeout" });
  }
}
