// SPDX-License-Identifier: Apache-2.0
/**
 * The numbers of one session's commands, and up to which all of them have been answered
 * (semantics A3): what the server may forget.
 */

export class CommandNumbers {
  #last = 0n;
  #acknowledged = 0n;
  /** Answered above the watermark: an earlier one is still open. */
  readonly #answered = new Set<bigint>();

  /** Every number up to here has been answered. */
  get acknowledged(): bigint {
    return this.#acknowledged;
  }

  issue(): bigint {
    this.#last += 1n;
    return this.#last;
  }

  answered(number: bigint): void {
    this.#answered.add(number);
    while (this.#answered.delete(this.#acknowledged + 1n)) this.#acknowledged += 1n;
  }
}
