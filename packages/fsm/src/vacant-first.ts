// SPDX-License-Identifier: Apache-2.0
/** What somebody looks at who may see only some of many elections: those without a leader first. */

import type { PrimitiveKey, PrimitiveKind } from "./key.ts";
import type { PartitionState } from "./partition.ts";
import { textsFrom } from "./sorted-texts.ts";

export interface VacantFirst {
  /** The one that has been so for longest first. */
  readonly vacant: readonly PrimitiveKey[];
  /** In the order of their keys, as far as there is room left. */
  readonly others: readonly PrimitiveKey[];
}

/** Keys of one kind, `limit` of them at most. Costs a little more than that, however many there are. */
export function vacantFirst(
  state: PartitionState,
  kind: PrimitiveKind,
  limit: number,
): VacantFirst {
  const vacant = new Map<string, PrimitiveKey>();
  const others: PrimitiveKey[] = [];
  for (const { key, text } of state.idle) {
    if (vacant.size >= limit) break;
    if (key.kind === kind) vacant.set(text, key);
  }
  const start = `${kind}\0`;
  for (const text of textsFrom(state.keys, start)) {
    if (!text.startsWith(start) || vacant.size + others.length >= limit) break;
    if (!vacant.has(text)) others.push(state.elections.get(text)!.key);
  }
  return { vacant: [...vacant.values()], others };
}
