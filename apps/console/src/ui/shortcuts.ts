// SPDX-License-Identifier: Apache-2.0
/** The keys that work everywhere. None does while something is typed or a dialog is open. */

import type { App } from "../model/app.ts";
import { hashOf } from "../model/route.ts";
import { FILTER_ID } from "./filter-box.tsx";

/** The second key of `g e` comes within this time or not at all. */
const SEQUENCE_MS = 1_500;

const SCREENS = { e: "elections", s: "sessions", v: "events", c: "cluster" } as const;

export interface Shortcut {
  readonly keys: string;
  readonly does: string;
}

/** What the dialog of keys shows. */
export const SHORTCUTS: readonly Shortcut[] = [
  { keys: "g e", does: "Go to the elections" },
  { keys: "g s", does: "Go to the sessions" },
  { keys: "g v", does: "Go to the events" },
  { keys: "g c", does: "Go to the cluster" },
  { keys: "/", does: "Type into the filter" },
  { keys: "Esc", does: "Empty the filter, close a dialog" },
  { keys: "↑ ↓ Home End PgUp PgDn", does: "Move in a list" },
  { keys: "Enter", does: "Open the row" },
  { keys: "a p d e", does: "In a queue: anoint, promote, demote, evict" },
  { keys: "?", does: "Show these keys" },
];

/** @returns what ends it */
export function listenForShortcuts(app: App, showKeys: () => void): () => void {
  let wentAtMs = Number.NEGATIVE_INFINITY;
  const pressed = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]") !== null) return;
    const isSecond = event.timeStamp - wentAtMs < SEQUENCE_MS;
    wentAtMs = event.key === "g" ? event.timeStamp : Number.NEGATIVE_INFINITY;
    if (isSecond && isScreenKey(event.key)) {
      event.preventDefault();
      // Whatever else hears keys must not take the second one for its own.
      event.stopPropagation();
      app.navigate(hashOf({ screen: SCREENS[event.key], query: {} }));
    } else if (event.key === "?") {
      event.preventDefault();
      showKeys();
    } else if (event.key === "/") {
      event.preventDefault();
      document.getElementById(FILTER_ID)?.focus();
    }
  };
  // While it is captured, before the queue hears the `e` of `g e`.
  document.addEventListener("keydown", pressed, { capture: true });
  return () => document.removeEventListener("keydown", pressed, { capture: true });
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches("input, textarea, select");
}

function isScreenKey(key: string): key is keyof typeof SCREENS {
  return Object.hasOwn(SCREENS, key);
}
