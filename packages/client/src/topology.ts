// SPDX-License-Identifier: Apache-2.0
/**
 * What the client has been told of the cluster: which nodes there are, where they are reached, and
 * which of them leads a partition.
 *
 * All of it is a hint. Any node takes any request, so that what is wrong or old here costs a hop and
 * never an answer. The last word counts: every node that a client is attached to says so when what it
 * knows changes, and all of them come to know the same.
 */

import type { ClusterInfo } from "@conclave/api";

export class Topology {
  /** By node, where it says that it is reached. */
  #urls = new Map<number, string>();
  readonly #leaders = new Map<number, number>();
  /** By URL, the node that answered there last. */
  readonly #answered = new Map<string, number>();
  readonly #listeners = new Set<() => void>();

  /** Told by the node that answers at this URL. */
  learn(url: string, { node, members, leaders }: ClusterInfo): void {
    let hasChanged = this.#answered.get(url) !== node;
    this.#answered.set(url, node);
    if (members.length > 0) {
      const urls = new Map(members.filter(isReachable).map((m) => [m.node, withoutSlash(m.url)]));
      hasChanged ||= !isEqual(urls, this.#urls);
      this.#urls = urls;
    }
    // A partition that is not named has no leader that this node knows: nothing is learnt of it.
    for (const { partition, node: leader } of leaders) {
      hasChanged ||= this.#leaders.get(partition) !== leader;
      this.#leaders.set(partition, leader);
    }
    if (hasChanged) for (const listener of [...this.#listeners]) listener();
  }

  get memberUrls(): string[] {
    return [...this.#urls.values()];
  }

  leaderOf(partition: number): number | undefined {
    return this.#leaders.get(partition);
  }

  /** Where to try a node: first where it has answered, then where it says that it is. */
  urlsOf(node: number): string[] {
    const urls = [...this.#answered].filter(([, at]) => at === node).map(([url]) => url);
    const own = this.#urls.get(node);
    return own === undefined || urls.includes(own) ? urls : [...urls, own];
  }

  /** Returns what takes the listener off again. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** The same place under one name, as far as names tell. */
export function withoutSlash(url: string): string {
  return url.endsWith("/") ? url.slice(0, -1) : url;
}

function isReachable({ url }: { readonly url: string }): boolean {
  return /^https?:\/\/[^/]/.test(url) && URL.canParse(url);
}

function isEqual(a: ReadonlyMap<number, string>, b: ReadonlyMap<number, string>): boolean {
  return a.size === b.size && [...a].every(([node, url]) => b.get(node) === url);
}
