// SPDX-License-Identifier: Apache-2.0
/**
 * What a primitive is called: the triple (kind, namespace, name), and nothing else (semantics A1).
 */

import { assert } from "@conclave/base";

export type PrimitiveKind = "election" | "latch";

export interface PrimitiveKey {
  readonly kind: PrimitiveKind;
  readonly namespace: string;
  readonly name: string;
}

/**
 * The key as one string, for maps and for order: kinds, then namespaces, then names, each by UTF-16
 * code units. NUL cannot occur in a part, so two keys never meet in one text.
 */
export function keyText(key: PrimitiveKey): string {
  return `${key.kind}\0${key.namespace}\0${key.name}`;
}

/** The key that has this text. */
export function textKey(text: string): PrimitiveKey {
  const [kind, namespace, name] = text.split("\0");
  assert(kind === "election" || kind === "latch", "E15: the text of a key begins with its kind");
  assert(namespace !== undefined && name !== undefined, "E15: the text of a key has three parts");
  return { kind, namespace, name };
}
