// SPDX-License-Identifier: Apache-2.0
/** How long something has lasted, counted on while it is known to last. */

import type { VNode } from "preact";
import type { App } from "../model/app.ts";
import { dateText, durationText } from "../model/durations.ts";
import { useShownTime } from "./use-store.ts";

/** `3 min 20 s`; the moment itself is in the tooltip. Stands still while the link is down. */
export function Since({ app, atMs }: { readonly app: App; readonly atMs: number }): VNode {
  const shown = useShownTime(app);
  return (
    <time class="number" dateTime={new Date(atMs).toISOString()} title={dateText(atMs)}>
      {durationText(shown - atMs)}
    </time>
  );
}
