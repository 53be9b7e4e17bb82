// SPDX-License-Identifier: Apache-2.0
/** Whether what is shown is the present, in a word that is always in sight. */

import type { VNode } from "preact";
import type { App } from "../model/app.ts";
import { clockText } from "../model/durations.ts";
import { Badge } from "./badge.tsx";
import { Icon } from "./icon.tsx";
import { useStore } from "./use-store.ts";

export function LinkBadge({ app }: { readonly app: App }): VNode {
  const link = useStore(app.link);
  switch (link.kind) {
    case "live":
      return (
        <Badge tone="good">
          <Icon name="live" />
          Live
        </Badge>
      );
    case "connecting":
      return (
        <Badge tone="plain">
          <Icon name="waiting" />
          Connecting…
        </Badge>
      );
    case "stale":
      return (
        <Badge tone="warn">
          <Icon name="stale" />
          Stale as of {clockText(link.sinceMs)}
        </Badge>
      );
  }
}
