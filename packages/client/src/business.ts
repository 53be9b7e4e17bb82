// SPDX-License-Identifier: Apache-2.0
/**
 * On which partitions a session has business, so that it renews there: registered, or perhaps so
 * since it was asked. It knows what a renewal can have found, and sends none.
 */

export class Business {
  /** By partition: the first renewal that was sent after the registration was heard of. */
  readonly #partitions = new Map<number, "asked" | bigint>();

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
    if (!this.#partitions.has(partition)) this.#partitions.set(partition, "asked");
  }

  /** The server has said so; the next renewal will have this number. */
  registered(partition: number, nextRenewal: bigint): void {
    if (typeof this.#partitions.get(partition) === "bigint") return;
    this.#partitions.set(partition, nextRenewal);
  }

  /**
   * Whether "not registered" means that the registration is gone: only where a renewal was sent after
   * it was heard of. The answer to an earlier one may come late, even in one frame with the news.
   */
  wasRenewed(partition: number, nextRenewal: bigint): boolean {
    const first = this.#partitions.get(partition);
    return typeof first === "bigint" && first < nextRenewal;
  }

  ended(partition: number): void {
    this.#partitions.delete(partition);
  }
}
