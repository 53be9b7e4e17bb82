// SPDX-License-Identifier: Apache-2.0
/**
 * On which partitions a session has business, so that it renews there: registered, or perhaps so
 * since it was asked. It knows what a renewal can have found, and sends none.
 */

interface Affair {
  /** The first renewal that was sent after the registration was heard of. */
  first: bigint | undefined;
  /** Renewals sent before the registration was heard of, and not answered. */
  early: number;
  /** Whether one has been sent since. */
  wasRenewed: boolean;
}

export class Business {
  readonly #partitions = new Map<number, Affair>();

  get partitions(): number[] {
    return [...this.#partitions.keys()];
  }

  get isEmpty(): boolean {
    return this.#partitions.size === 0;
  }

  has(partition: number): boolean {
    return this.#partitions.has(partition);
  }

  /** A command is on its way that registers the session there. */
  asked(partition: number): void {
    this.#affair(partition);
  }

  /** The server has said so; the next renewal will have this number. */
  registered(partition: number, nextRenewal: bigint): void {
    this.#affair(partition).first ??= nextRenewal;
  }

  /** A renewal of these is being sent. */
  renewed(partitions: readonly number[]): void {
    for (const partition of partitions) {
      const affair = this.#partitions.get(partition);
      if (affair === undefined) continue;
      if (affair.first === undefined) affair.early += 1;
      else affair.wasRenewed = true;
    }
  }

  /** A renewal was answered, other than by "not registered"; by this number where it was confirmed. */
  answered(partition: number, number: bigint): void {
    const affair = this.#partitions.get(partition);
    if (affair === undefined || affair.early === 0) return;
    const { first } = affair;
    const isEarly = first === undefined || (number > 0n && number < first);
    if (isEarly) affair.early -= 1;
  }

  /**
   * Whether the answer "not registered" means that the registration is gone. It bears no number, and
   * that to an early renewal may come late, over another attachment or in one frame with the news: as
   * many are taken for theirs.
   */
  isLost(partition: number): boolean {
    const affair = this.#partitions.get(partition);
    if (affair === undefined) return false;
    if (affair.early > 0) {
      affair.early -= 1;
      return false;
    }
    return affair.wasRenewed;
  }

  ended(partition: number): void {
    this.#partitions.delete(partition);
  }

  #affair(partition: number): Affair {
    let affair = this.#partitions.get(partition);
    if (affair === undefined) {
      affair = { first: undefined, early: 0, wasRenewed: false };
      this.#partitions.set(partition, affair);
    }
    return affair;
  }
}
