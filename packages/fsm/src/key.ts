// SPDX-License-Identifier: Apache-2.0
/**
 * What a primitive is called: the triple (kind, namespace, name), and nothing else (semantics A1).
 */

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
