// SPDX-License-Identifier: Apache-2.0
/** Which namespaces there are, counted where they begin and end and not election by election. */

import { keyText, type PrimitiveKind, textKey } from "./key.ts";
import type { PartitionState } from "./partition.ts";
import { countTexts, textsFrom } from "./sorted-texts.ts";

export interface NamespaceCount {
  readonly namespace: string;
  /** How many primitives of the kind exist in it. */
  readonly count: number;
}

/**
 * The namespaces of a kind that come after one of them, by UTF-16 code units. Each costs a search, and
 * a five-hundredth of what is in it. The partition must not change meanwhile.
 */
export function* namespacesAfter(
  state: PartitionState,
  kind: PrimitiveKind,
  after: string | undefined,
): Generator<NamespaceCount, void, undefined> {
  let from = after === undefined ? `${kind}\0` : endOf(kind, after);
  for (;;) {
    const [text] = textsFrom(state.keys, from);
    if (text === undefined) return;
    const { kind: found, namespace } = textKey(text);
    if (found !== kind) return;
    const end = endOf(kind, namespace);
    yield { namespace, count: countTexts(state.keys, text, end) };
    from = end;
  }
}

/** Above every key of the namespace and below those of the next: no name has control characters. */
function endOf(kind: PrimitiveKind, namespace: string): string {
  return `${keyText({ kind, namespace, name: "" }).slice(0, -1)}\u0001`;
}
