// SPDX-License-Identifier: Apache-2.0
/** One election that really happens, one change after the other: what histories are made from. */

import type { SeenElection } from "../operation.ts";

export class LiveElection {
  list: readonly { readonly name: string; readonly client: string }[] = [];
  term = 0n;
  revision = 0n;
  /** The partition's, which other elections raise too. */
  counter = 0n;

  has(name: string, client?: string): boolean {
    return this.list.some((c) => c.name === name && (client === undefined || c.client === client));
  }

  enter(name: string, client: string): void {
    this.#put([...this.list, { name, client }]);
  }

  leave(...names: readonly string[]): void {
    this.#put(this.list.filter((c) => !names.includes(c.name)));
  }

  move(name: string, goal: number): void {
    const at = this.list.findIndex((c) => c.name === name);
    if (goal === at || goal < 0 || goal >= this.list.length) return;
    this.#put(this.list.toSpliced(at, 1).toSpliced(goal, 0, this.list[at]!));
  }

  delete(): void {
    this.#put([]);
    this.revision = 0n;
  }

  view(): SeenElection {
    const { revision, term, list } = this;
    const candidates = list.map(({ name }) => name);
    return { revision, term, leader: candidates[0], candidates };
  }

  #put(list: LiveElection["list"]): void {
    const before = this.list[0];
    this.list = list;
    const now = list[0];
    if (now && (now.name !== before?.name || now.client !== before.client)) this.term += 1n;
    this.counter += 1n;
    this.revision = this.counter;
  }
}
