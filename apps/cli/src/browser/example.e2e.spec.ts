// SPDX-License-Identifier: Apache-2.0
// The example of a leader in the browser, as its README shows it: three tabs, of which one polls.
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, vi } from "vitest";
import { testWith } from "../e2e/needed-tools.ts";
import { eventually } from "../e2e/processes.ts";
import { CHROMIUM } from "./chromium.ts";
import { createStage, type Stage } from "./stage.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const EXAMPLE = fileURLToPath(new URL("../../../../examples/leader-in-browser/", import.meta.url));

const test = testWith(CHROMIUM);
let stage: Stage;

beforeAll(async () => {
  stage = await createStage({ page: EXAMPLE });
});

afterAll(() => stage?.[Symbol.asyncDispose]());

test("one of three tabs polls, and when it is closed another one does", async () => {
  const errors: string[] = [];
  const tabs: Page[] = [];
  for (const name of ["ada", "bea", "cleo"]) tabs.push(await open(name, errors));

  const first = await untilOnePolls(tabs);
  await first.close({ runBeforeUnload: true });
  const rest = tabs.filter((tab) => tab !== first);
  const second = await untilOnePolls(rest);

  expect(second).not.toBe(first);
  await Promise.all(rest.map((tab) => tab.close()));
  expect(errors).toEqual([]);
});

async function open(name: string, errors: string[]): Promise<Page> {
  const page = await stage.browser.newPage();
  page.on("pageerror", (error) => errors.push(`${name}: ${error.stack ?? error}`));
  const query = new URLSearchParams({ name, ttl: "3000" });
  for (const url of stage.cluster.urls) query.append("endpoint", url);
  await page.goto(`${stage.origin}/?${query}`);
  return page;
}

/** Waits until all tabs name the one that leads, and that one has polled. */
async function untilOnePolls(tabs: readonly Page[]): Promise<Page> {
  const leader = await eventually("all tabs name one leader", async () => {
    const states = await Promise.all(tabs.map((tab) => text(tab, "state")));
    const leaders = await Promise.all(tabs.map((tab) => text(tab, "leader")));
    const leading = tabs[states.indexOf("leading")];
    if (leading === undefined || new Set(leaders).size > 1) return undefined;
    return leaders[0] === (await text(leading, "name")) ? leading : undefined;
  });
  // It polls by timers of the page, which are on time in the tab that one looks at.
  await leader.bringToFront();
  await eventually("it has polled", async () => Number(await text(leader, "polls")) > 0);
  return leader;
}

function text(page: Page, id: string): Promise<string> {
  return page.evaluate((name) => document.getElementById(name)?.textContent ?? "", id);
}
