// SPDX-License-Identifier: Apache-2.0
/** What is written, and drawn, for each cause of a change. */

import type { IconName } from "../ui/icon.tsx";
import type { SpanCause } from "./term-history.ts";

export interface CauseLook {
  /** How the stretch began, in a word or two. */
  readonly label: string;
  readonly icon: IconName;
  /** Which of the colours of the timeline; the label says the rest. */
  readonly hue: "enter" | "leave" | "loss" | "operator" | "evict" | "none";
}

/** In the order in which they are offered for choice. */
export const CAUSES: Readonly<Record<SpanCause, CauseLook>> = {
  entered: { label: "entered", icon: "led", hue: "enter" },
  withdrawn: { label: "withdrawn", icon: "evict", hue: "leave" },
  resigned: { label: "resigned", icon: "evict", hue: "leave" },
  expired: { label: "expired", icon: "waiting", hue: "loss" },
  disconnected: { label: "disconnected", icon: "stale", hue: "loss" },
  anointed: { label: "anointed", icon: "crown", hue: "operator" },
  promoted: { label: "promoted", icon: "up", hue: "operator" },
  demoted: { label: "demoted", icon: "down", hue: "operator" },
  evicted: { label: "evicted", icon: "evict", hue: "evict" },
  deleted: { label: "deleted", icon: "trash", hue: "evict" },
  metadata: { label: "metadata", icon: "info", hue: "none" },
  restored: { label: "restored", icon: "save", hue: "operator" },
  unknown: { label: "unknown cause", icon: "info", hue: "none" },
  history: { label: "before what is remembered", icon: "info", hue: "none" },
};
