// SPDX-License-Identifier: Apache-2.0
/** What the operator is told in passing; a live region, so that screen readers say it. */

import type { VNode } from "preact";
import type { App, Notice } from "../model/app.ts";
import { Icon, type IconName } from "./icon.tsx";
import { useStore } from "./use-store.ts";

const ICONS: Readonly<Record<Notice["tone"], IconName>> = {
  done: "check",
  failed: "failed",
  info: "info",
};

export function Notices({ app }: { readonly app: App }): VNode {
  const notices = useStore(app.notices);
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.map(({ id, tone, text }) => (
        <div key={id} class={`notice notice-${tone}`}>
          <Icon name={ICONS[tone]} />
          <span>{text}</span>
          <button
            type="button"
            class="icon-button"
            aria-label="Dismiss"
            onClick={() => app.dismiss(id)}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
