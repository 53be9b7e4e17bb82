// SPDX-License-Identifier: Apache-2.0
// Tabs and service workers of a real browser that stand in an election of a real cluster, and the leading
// one goes for good.
import { afterAll, beforeAll, expect, vi } from "vitest";
import { testWith } from "../e2e/needed-tools.ts";
import { eventually } from "../e2e/processes.ts";
import { CHROMIUM } from "./chromium.ts";
import { endKept, stand, TTL_MS, untilNext, untilQueued } from "./hand-over.ts";
import { startHoldingProxy } from "./proxies.ts";
import { createStage, type Stage } from "./stage.ts";
import type { Tab } from "./tabs.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const test = testWith(CHROMIUM);
let stage: Stage;

beforeAll(async () => {
  stage = await createStage();
});

afterAll(() => stage?.[Symbol.asyncDispose]());

/** Longer than anything here is waited for: whoever leads after a crash did not wait for its end. */
const LONG_TTL_MS = 60_000;

interface Departure {
  readonly how: string;
  readonly go: (leader: Tab) => Promise<unknown>;
}

const DEPARTURES: readonly Departure[] = [
  { how: "is closed", go: ({ page }) => page.close({ runBeforeUnload: true }) },
  { how: "goes to another page", go: ({ page }) => page.goto("about:blank") },
  { how: "is loaded again", go: ({ page }) => page.reload() },
  { how: "crashes", go: crash },
];

test.each(DEPARTURES)(
  "when the leading one of two tabs $how, the other leads",
  async (departure) => {
    const { how, go } = departure;
    const standing = await stand(stage, { what: how });

    await untilNext(standing, how, go);

    await endKept(stage, standing, how);
  },
);

test("when one leading tab after the other goes, each of three leads in its turn", async () => {
  const what = "three tabs";
  const standing = await stand(stage, { what, tabs: 3 });

  const second = await untilNext(standing, "the first of three crashes", crash);
  const office = { tabs: standing.tabs, office: second };
  await untilNext(office, "the second of three is closed", ({ page }) =>
    page.close({ runBeforeUnload: true }),
  );

  await endKept(stage, standing, what);
});

test("when the tab that stands for its whole browser crashes, the next one is that candidate at once", async () => {
  const what = "represented, crashed";
  const own = { ttlMs: LONG_TTL_MS, query: { lock: what, takeover: "yes" } };
  const standing = await stand(stage, { what, tabs: 1, ...own });
  const { tabs, office } = standing;
  const endpoints = stage.cluster.urls;
  const other = await tabs.open({ candidate: "another browser", ttlMs: LONG_TTL_MS, endpoints });
  await untilQueued(tabs, other);
  const heir = await tabs.open({ candidate: office.tab.candidate, endpoints, ...own });
  await untilInLineForLock(heir);

  const next = await untilNext(standing, what, crash);

  // Before whoever else is in line: the candidate is the same one, under a new term.
  expect(next.tab).toBe(heir);
  await endKept(stage, standing, what);
});

test("when the tab that stands for its whole browser is closed, the next one leads", async () => {
  const what = "represented, closed";
  const own = { ttlMs: LONG_TTL_MS, query: { lock: what, takeover: "yes" } };
  const standing = await stand(stage, { what, tabs: 1, ...own });
  const { tabs, office } = standing;
  const endpoints = stage.cluster.urls;
  const heir = await tabs.open({ candidate: office.tab.candidate, endpoints, ...own });
  await untilInLineForLock(heir);

  const next = await untilNext(standing, what, ({ page }) => page.close({ runBeforeUnload: true }));

  expect(next.tab).toBe(heir);
  await endKept(stage, standing, what);
});

test("a service worker that is ended during a renewal leads again in its turn, under a new term", async () => {
  const what = "worker ended";
  const proxy = await startHoldingProxy(stage.scene, stage.cluster.urls[0] ?? "");
  // Long enough that the tab is in line before a busy machine could have cost the worker its office.
  const ttlMs = 2 * TTL_MS;
  const page = "worker.html";
  const standing = await stand(stage, { what, tabs: 1, ttlMs, endpoints: [proxy.url], page });
  const { tabs, office } = standing;
  const bea = await tabs.open({ candidate: "bea", ttlMs, endpoints: stage.cluster.urls });
  await untilQueued(tabs, bea);

  let endedMs = 0;
  const second = await untilNext(standing, what, async (worker) => {
    const { hungUp } = await proxy.holdNext("KeepAlive");
    endedMs = await startAgain(worker);
    await hungUp;
  });
  expect(second.tab).toBe(bea);
  await untilQueued(tabs, office.tab, endedMs);
  const third = await untilNext({ tabs, office: second }, "the tab after it closed", ({ page }) =>
    page.close({ runBeforeUnload: true }),
  );

  expect(third.tab).toBe(office.tab);
  await endKept(stage, standing, what);
});

test("one that takes its own name over leads again at once, under a new term", async () => {
  const what = "worker that takes over";
  const query = { takeover: "yes" };
  const page = "worker.html";
  const standing = await stand(stage, { what, tabs: 1, ttlMs: LONG_TTL_MS, page, query });

  await untilNext(standing, what, startAgain);

  await endKept(stage, standing, what);
});

async function untilInLineForLock({ page }: Tab): Promise<void> {
  const isInLine = async (): Promise<boolean> =>
    (await navigator.locks.query()).pending?.length === 1;
  await eventually("the tab is in line for the lock", () => page.evaluate(isInLine));
}

/** Ends the service worker without a word, and starts it again: says when it had ended. */
async function startAgain(worker: Tab): Promise<number> {
  const devtools = await worker.devtools();
  await devtools.send("ServiceWorker.enable");
  await devtools.send("ServiceWorker.stopAllWorkers");
  const endedMs = Date.now();
  await worker.page.evaluate(() => window.wake());
  return endedMs;
}

/** What chrome://crash does; no such page answers, so nobody waits for one. */
async function crash({ page }: Tab): Promise<void> {
  const crashed = page.waitForEvent("crash");
  page.goto("chrome://crash").catch(() => undefined);
  await crashed;
}
