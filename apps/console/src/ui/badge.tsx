// SPDX-License-Identifier: Apache-2.0
/** A word set apart. Its content says what it means; the tone only repeats it. */

import type { ComponentChildren, VNode } from "preact";

export type Tone = "good" | "warn" | "bad" | "plain" | "accent";

export function Badge(props: { readonly tone: Tone; readonly children: ComponentChildren }): VNode {
  return <span class={`badge badge-${props.tone}`}>{props.children}</span>;
}
