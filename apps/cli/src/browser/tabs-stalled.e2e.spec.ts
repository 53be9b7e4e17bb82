// SPDX-License-Identifier: Apache-2.0
// Tabs of a real browser that stand in an election of a real cluster, and the leading one stands still.
import { setTimeout as delay } from "node:timers/promises";
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

test("a leading tab in the back, whose timers hardly run, renews all the same", async () => {
  const what = "hidden";
  const ttlMs = 4_000;
  const standing = await stand(stage, { what, ttlMs });
  const { tab, term } = standing.office;
  const other = await stage.browser.newPage();
  await other.bringToFront();
  await eventually("it is in the back", () => tab.page.evaluate(() => document.hidden));

  const endMs = Date.now() + 2 * ttlMs;
  await eventually("it led for two TTLs in the back", async () => {
    expect(await holdsOffice(tab)).toBe(true);
    return Date.now() > endMs;
  });

  const office = await standing.tabs.heldAfter(endMs);
  expect(office.term).toBe(term);
  await other.close();
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

function holdsOffice({ page }: Tab): Promise<boolean> {
  return page.evaluate(() => window.look());
}
