// SPDX-License-Identifier: Apache-2.0
// Tabs of a real browser that stand in an election of a real cluster, and the leading one stands still.
import { setTimeout as delay } from "node:timers/promises";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, vi } from "vitest";
import { testWith } from "../e2e/needed-tools.ts";
import { eventually } from "../e2e/processes.ts";
import { CHROMIUM } from "./chromium.ts";
import { endKept, stand, TTL_MS, untilNext, untilQueued } from "./hand-over.ts";
import { createStage, type Stage } from "./stage.ts";
import type { Tab } from "./tabs.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const test = testWith(CHROMIUM);
let stage: Stage;

beforeAll(async () => {
  stage = await createStage();
});

afterAll(() => stage?.[Symbol.asyncDispose]());

test("a tab that is frozen while it leads stands in line when it thaws, and another leads", async () => {
  const what = "frozen";
  const standing = await stand(stage, { what });
  const { tab } = standing.office;
  const devtools = await tab.devtools();

  await untilNext(standing, what, () =>
    devtools.send("Page.setWebLifecycleState", { state: "frozen" }),
  );
  const thawedMs = Date.now();
  await devtools.send("Page.setWebLifecycleState", { state: "active" });

  expect(await holdsOffice(tab)).toBe(false);
  await untilQueued(standing.tabs, tab, thawedMs);
  await endKept(stage, standing, what);
});

test("a page that comes back from the back/forward cache does not believe what it held", async () => {
  const what = "back and forward";
  const standing = await stand(stage, { what });
  const { tab } = standing.office;
  const [before] = tab.said();

  await untilNext(standing, what, () => tab.page.goto("about:blank"));
  const backMs = Date.now();
  await tab.page.goBack({ waitUntil: "commit" });

  expect(await holdsOffice(tab)).toBe(false);
  await untilQueued(standing.tabs, tab, backMs);
  // The very document that led, or the cache was not used and nothing has been tried.
  expect(tab.said().at(-1)?.document).toBe(before?.document);
  await endKept(stage, standing, what);
});

test("a tab whose loop is blocked for three TTLs asserts nothing when another leads", async () => {
  const what = "blocked";
  const standing = await stand(stage, { what });
  const { tab } = standing.office;
  const blocked = tab.page.evaluate((ms) => window.block(ms), 3 * TTL_MS);
  const fromMs = Date.now();

  await untilNext(standing, what, async () => undefined);
  await blocked;

  expect(await holdsOffice(tab)).toBe(false);
  await untilQueued(standing.tabs, tab, fromMs);
  await endKept(stage, standing, what);
});

test("a leading tab in the back, whose timers run once a minute, renews all the same", async () => {
  const what = "hidden";
  const ttlMs = 2 * TTL_MS;
  const standing = await stand(stage, { what, ttlMs, query: { timers: "minute" } });
  const { tab, term } = standing.office;
  const front = await inFrontOf(tab);

  const office = await standing.tabs.heldAfter(Date.now() + 2 * ttlMs);

  expect(office.term).toBe(term);
  await front.close();
  await endKept(stage, standing, what);
});

test("one that may not have a worker to wake it loses its office, and another leads", async () => {
  const what = "hidden without workers";
  const query = { timers: "minute", workers: "none" };
  const standing = await stand(stage, { what, tabs: 1, query });
  const bea = { candidate: "bea", ttlMs: TTL_MS, endpoints: stage.cluster.urls };

  // A tab that is opened is the one in front.
  await untilNext(standing, what, () => standing.tabs.open(bea));

  expect(await holdsOffice(standing.office.tab)).toBe(false);
  await endKept(stage, standing, what);
});

test("tabs on a machine that is far too slow never lead two at a time", async () => {
  const what = "slow";
  const standing = await stand(stage, { what });
  const { tab } = standing.office;
  const devtools = await tab.devtools();

  await devtools.send("Emulation.setCPUThrottlingRate", { rate: 50 });
  const slowMs = Date.now();
  await delay(2 * TTL_MS);
  await devtools.send("Emulation.setCPUThrottlingRate", { rate: 1 });
  const office = await standing.tabs.heldAfter(slowMs + 2 * TTL_MS);
  console.log(`browser: slow: ${office.tab.candidate} leads in term ${office.term}`);

  const next = await untilNext({ tabs: standing.tabs, office }, "the slow one closed", (leader) =>
    leader.page.close({ runBeforeUnload: true }),
  );
  expect(next.term).toBeGreaterThan(office.term);
  await endKept(stage, standing, what);
});

/** Puts another page in front of a tab: resolves when it is hidden. */
async function inFrontOf(tab: Tab): Promise<Page> {
  const front = await stage.browser.newPage();
  await front.bringToFront();
  await eventually("it is in the back", () => tab.page.evaluate(() => document.hidden));
  return front;
}

function holdsOffice({ page }: Tab): Promise<boolean> {
  return page.evaluate(() => window.look());
}
