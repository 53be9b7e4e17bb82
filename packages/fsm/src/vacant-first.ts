// SPDX-License-Identifier: Apache-2.0
/** What somebody looks at who may see only some of many elections: those without a leader first. */

import type { PrimitiveKey, PrimitiveKind } from "./key.ts";
import type { PartitionState } from "./partition.ts";
import { textsFrom } from "./sorted-texts.ts";

/**
 * Keys of one kind, the vacant ones first and of these the one that has been so for longest, then
 * the others in the order of their keys. Costs a little more than `limit`, however many there are.
 */
export function vacantFirst(
  state: PartitionState,
  kind: PrimitiveKind,
  limit: number,
): readonly PrimitiveKey[] {
  const keys: PrimitiveKey[] = [];
  if (limit <= 0) return keys;
  const vacant = new Set<string>();
  for (const { key, text } of state.idle) {
    if (key.kind !== kind) continue;
    keys.push(key);
    vacant.add(text);
    if (keys.length === limit) return keys;
  }
  const start = `${kind}\0`;
  for (const text of textsFrom(state.keys, start)) {
    if (!text.startsWith(start)) break;
    if (vacant.has(text)) continue;
    keys.push(state.elections.get(text)!.key);
    if (keys.length === limit) break;
  }
  return keys;
}
