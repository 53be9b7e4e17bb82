// SPDX-License-Identifier: Apache-2.0
/** What is around every screen: the way to the others, how old what is shown is, and the keys. */

import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { App } from "./model/app.ts";
import { clockText } from "./model/durations.ts";
import { hashOf, type Route } from "./model/route.ts";
import { CurrentScreen, titleOf } from "./screens.tsx";
import { ErrorBoundary } from "./ui/error-boundary.tsx";
import { Icon, type IconName } from "./ui/icon.tsx";
import { KeysDialog } from "./ui/keys-dialog.tsx";
import { LinkBadge } from "./ui/link-badge.tsx";
import { Notices } from "./ui/notices.tsx";
import { listenForShortcuts } from "./ui/shortcuts.ts";
import { ThemeButton } from "./ui/theme.tsx";
import { useStore } from "./ui/use-store.ts";

const SCREENS = [
  { screen: "elections", label: "Elections", icon: "elections" },
  { screen: "sessions", label: "Sessions", icon: "sessions" },
  { screen: "events", label: "Events", icon: "events" },
  { screen: "cluster", label: "Cluster", icon: "cluster" },
] as const satisfies readonly { screen: Route["screen"]; label: string; icon: IconName }[];

export function Shell({ app }: { readonly app: App }): VNode {
  const route = useStore(app.route);
  const [areKeysShown, showKeys] = useState(false);
  const main = useRef<HTMLElement>(null);
  useEffect(() => listenForShortcuts(app, () => showKeys(true)), [app]);
  useArrival(route, main);
  return (
    <div class="shell">
      <button type="button" class="skip-link" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header class="bar">
        <a class="brand" href={hashOf({ screen: "elections", query: {} })} aria-label="Conclave">
          <Icon name="crown" />
          <span>Conclave</span>
        </a>
        <Navigation route={route} />
        <div class="bar-end">
          <LinkBadge app={app} />
          <ThemeButton />
          <button
            type="button"
            class="icon-button keys-button"
            aria-label="Keys"
            title="Keys: ?"
            onClick={() => showKeys(true)}
          >
            <Icon name="keys" />
          </button>
        </div>
      </header>
      <StaleBanner app={app} />
      <main id="main" class="main" tabIndex={-1} ref={main}>
        <ErrorBoundary key={placeOf(route)}>
          <CurrentScreen app={app} route={route} />
        </ErrorBoundary>
      </main>
      <Notices app={app} />
      <Title app={app} />
      {areKeysShown && <KeysDialog onClose={() => showKeys(false)} />}
    </div>
  );
}

function Navigation({ route }: { readonly route: Route }): VNode {
  const current = route.screen === "election" ? "elections" : route.screen;
  const section = current === "session" ? "sessions" : current;
  return (
    <nav class="nav" aria-label="Screens">
      {SCREENS.map(({ screen, label, icon }) => (
        <a
          key={screen}
          href={hashOf({ screen, query: {} })}
          aria-current={screen === section ? "page" : undefined}
        >
          <Icon name={icon} />
          <span>{label}</span>
        </a>
      ))}
    </nav>
  );
}

/** Above everything while it is old, so that nobody takes it for the present. */
function StaleBanner({ app }: { readonly app: App }): VNode {
  const link = useStore(app.link);
  return (
    <div role="status">
      {link.kind === "stale" && (
        <p class="stale-banner">
          <Icon name="stale" />
          <span>
            <strong>Stale as of {clockText(link.sinceMs)}.</strong> The cluster cannot confirm what
            is shown; trying to reach it again.
          </span>
        </p>
      )}
    </div>
  );
}

/** Names the page; apart, so that its counting draws nothing else anew. */
function Title({ app }: { readonly app: App }): null {
  const route = useStore(app.route);
  const { rows } = useStore(app.elections);
  const title = titleOf(route, rows);
  useLayoutEffect(() => {
    document.title = title;
  }, [title]);
  return null;
}

/** Takes the focus to a screen that one has just come to. */
function useArrival(route: Route, main: { readonly current: HTMLElement | null }): void {
  const place = placeOf(route);
  const before = useRef(place);
  useEffect(() => {
    if (before.current === place) return;
    before.current = place;
    const element = main.current;
    // A list that one comes back to is gone on with; elsewhere reading begins at the top.
    const list = element?.querySelector<HTMLElement>('[role="grid"][data-left]');
    (list ?? element)?.focus({ preventScroll: true });
  }, [place]);
}

/** Another one is another screen, and not the same with other filters. */
function placeOf(route: Route): string {
  return hashOf({ ...route, query: {} });
}
