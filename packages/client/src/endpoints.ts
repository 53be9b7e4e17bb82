// SPDX-License-Identifier: Apache-2.0
/**
 * Which node to try next, and how long to wait before it.
 *
 * The order is drawn per client, so that a crowd of clients spreads; a node that failed goes to the
 * end of it. Waits grow and are drawn whole from their range, so that a crowd does not come back at
 * the same instant. To what the user gave come the members that the cluster has named, after them:
 * one that cannot be reached from here costs a try, and only when all that was given has failed.
 */

import { assert, type Prng } from "@conclave/base";
import type { Addresses } from "./channel.ts";
import { withoutSlash } from "./topology.ts";

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2_000;

export class Endpoints implements Addresses {
  readonly #given: ReadonlySet<string>;
  #order: string[];
  readonly #prng: Prng;

  constructor(endpoints: readonly string[], prng: Prng) {
    assert(endpoints.length > 0, "there is an endpoint to try");
    this.#prng = prng;
    this.#order = this.#shuffled([...new Set(endpoints.map(withoutSlash))]);
    this.#given = new Set(this.#order);
  }

  get count(): number {
    return this.#order.length;
  }

  first(): string {
    return this.#order[0]!;
  }

  /** The members as the cluster names them now; those that it has named before are forgotten. */
  learn(members: readonly string[]): void {
    const kept = this.#order.filter((url) => this.#given.has(url) || members.includes(url));
    this.#order = [...kept, ...this.#shuffled(members.filter((url) => !kept.includes(url)))];
  }

  /** Puts the node behind the others, for all channels of the client. */
  failed(endpoint: string): void {
    if (this.#order[0] !== endpoint || this.#order.length === 1) return;
    this.#order.push(this.#order.shift()!);
  }

  /** How long to wait before try number `failures` + 1: none before the first of a series. */
  waitMs(failures: number): number {
    if (failures === 0) return 0;
    // A whole round over the nodes counts as one failure: another node is worth a prompt try.
    const rounds = Math.floor((failures - 1) / this.#order.length);
    const rangeMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(rounds, 10));
    return 1 + this.#prng.below(rangeMs);
  }

  #shuffled(urls: readonly string[]): string[] {
    const order = [...urls];
    for (let i = order.length - 1; i > 0; i--) {
      const j = this.#prng.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}
