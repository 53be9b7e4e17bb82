// SPDX-License-Identifier: Apache-2.0
/**
 * The console's model in a page: the node that served it is the one it asks, the address bar is its
 * route, and its clock and frames are the browser's.
 */

import { type Client, connect } from "@conclave/client";
import { connectCluster } from "@conclave/client/cluster";
import type { App, Notice } from "./model/app.ts";
import { createElectionFeed, type ElectionFeed } from "./model/election-feed.ts";
import { parseRoute, type Route } from "./model/route.ts";
import { createStore, type Store, type WritableStore } from "./model/store.ts";

/** How long a notice of success stays; one of failure stays until it is dismissed. */
const NOTICE_MS = 6_000;

const TICK_MS = 1_000;

/** News is shown at this pace at most: faster than one reads, slow enough for lists of thousands. */
const NEWS_MS = 100;

/** A page that is not seen is kept up to date at this pace, so that it is right when it is looked at. */
const HIDDEN_NEWS_MS = 500;

/** Begins to follow the cluster at once. */
export function createApp(): App {
  const endpoints = [location.origin];
  const cluster = connectCluster({ endpoints });
  let setConnected: (client: Client) => void = () => {};
  const connected = new Promise<Client>((resolve) => {
    setConnected = resolve;
  });
  const feed = createElectionFeed({
    connect: async () => {
      setConnected(await connect({ endpoints }));
    },
    watch: async function* (namespace) {
      yield* (await connected).namespace(namespace).watch("");
    },
    namespaces: () => cluster.namespaces(),
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    nowMs: () => Date.now(),
    schedule: createPace(),
  });
  const route = createRoute(feed);
  void feed.run();
  return {
    elections: feed.elections,
    changes: feed.changes,
    link: feed.link,
    route,
    now: createTicker(),
    cluster,
    connected: () => connected,
    election: async (namespace, name) => (await connected).namespace(namespace).election(name),
    navigate: (hash) => {
      location.hash = hash;
    },
    replace: (hash) => {
      history.replaceState(null, "", hash);
      route.set(parseRoute(hash));
    },
    ...createNotices(),
  };
}

/** Runs at the next frame, but no sooner after the last run than the pace allows. */
function createPace(): (run: () => void) => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  return (run) => {
    const runNow = (): void => {
      lastMs = performance.now();
      run();
    };
    const paceMs = document.hidden ? HIDDEN_NEWS_MS : NEWS_MS;
    const waitMs = lastMs + paceMs - performance.now();
    const atFrame = (): void => {
      // No frame comes while nobody looks.
      if (document.hidden) runNow();
      else requestAnimationFrame(runNow);
    };
    if (waitMs > 0) setTimeout(atFrame, waitMs);
    else atFrame();
  };
}

function createRoute(feed: ElectionFeed): WritableStore<Route> {
  const store = createStore(parseRoute(location.hash));
  const follow = (): void => {
    const route = store.get();
    if (route.screen === "election") feed.want(route.namespace);
  };
  addEventListener("hashchange", () => store.set(parseRoute(location.hash)));
  store.subscribe(follow);
  follow();
  return store;
}

function createTicker(): Store<number> {
  const now = createStore(Date.now());
  const tick = (): void => {
    if (!document.hidden) now.set(Date.now());
  };
  setInterval(tick, TICK_MS);
  document.addEventListener("visibilitychange", tick);
  return now;
}

function createNotices(): Pick<App, "notices" | "notify" | "dismiss"> {
  const notices = createStore<readonly Notice[]>([]);
  let nextId = 1;
  const dismiss = (id: number): void => {
    notices.set(notices.get().filter((notice) => notice.id !== id));
  };
  return {
    notices,
    notify(tone, text) {
      const id = nextId++;
      notices.set([...notices.get(), { id, tone, text }]);
      if (tone !== "failed") setTimeout(() => dismiss(id), NOTICE_MS);
    },
    dismiss,
  };
}
