// SPDX-License-Identifier: Apache-2.0
/** Where there are elections, in pages, from what this node has applied: no round, so perhaps behind. */

import { type NamespaceCount, namespacesAfter, utf8Length } from "@conclave/fsm";
import type { PartitionReplica } from "./partition-replica.ts";

export interface NamespacePage {
  readonly namespaces: readonly NamespaceCount[];
  /** What the page ended with, if there are more. */
  readonly next: string | undefined;
}

/** A page is closed when the estimate of its size passes this; the wire's own limit is 256 KiB. */
const PAGE_BYTES_MAX = 240 * 1024;
const ITEM_BYTES = 24;
/** How many places one page looks at, in all partitions: a page must not hold the loop up. */
const PAGE_PLACES_MAX = 20_000;

/** The namespaces after one, with the elections that all partitions have in each. */
export function namespacePage(
  partitions: readonly Pick<PartitionReplica, "state">[],
  after: string | undefined,
  limit: number,
): NamespacePage {
  const cursors = partitions.map(({ state }) => {
    const rest = namespacesAfter(state, "election", after);
    return { rest, place: rest.next().value ?? undefined };
  });
  const namespaces: NamespaceCount[] = [];
  let bytes = 0;
  let places = cursors.length;
  for (;;) {
    const namespace = leastOf(cursors.flatMap(({ place }) => place?.namespace ?? []));
    if (namespace === undefined) return { namespaces, next: undefined };
    bytes += ITEM_BYTES + utf8Length(namespace);
    const isFull =
      namespaces.length === limit || bytes > PAGE_BYTES_MAX || places > PAGE_PLACES_MAX;
    if (isFull) return { namespaces, next: namespaces.at(-1)?.namespace };
    let count = 0;
    for (const cursor of cursors) {
      if (cursor.place?.namespace !== namespace) continue;
      count += cursor.place.count;
      cursor.place = cursor.rest.next().value ?? undefined;
      places++;
    }
    namespaces.push({ namespace, count });
  }
}

function leastOf(texts: readonly string[]): string | undefined {
  let least: string | undefined;
  for (const text of texts) if (least === undefined || text < least) least = text;
  return least;
}
