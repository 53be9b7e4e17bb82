// SPDX-License-Identifier: Apache-2.0
// What an operator does in one tab of the console, by mouse or by keys alone, and another tab shows.
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, vi } from "vitest";
import { testWith } from "../e2e/needed-tools.ts";
import { CHROMIUM } from "./chromium.ts";
import { type ConsoleStage, createConsoleStage } from "./console-stage.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const test = testWith(CHROMIUM);
let stage: ConsoleStage;

beforeAll(async () => {
  stage = await createConsoleStage();
});

afterAll(() => stage?.[Symbol.asyncDispose]());

interface Deed {
  readonly verb: string;
  readonly act: (page: Page, reason: string) => Promise<void>;
  /** Who leads and waits afterwards, of ada, bea and cleo. */
  readonly order: readonly string[];
}

const DEEDS: readonly Deed[] = [
  {
    verb: "anoint",
    act: (page, why) => byMouse(page, "Anoint cleo", why),
    order: ["cleo", "ada", "bea"],
  },
  { verb: "promote", act: (page, why) => byKeys(page, 3, "p", why), order: ["ada", "cleo", "bea"] },
  { verb: "demote", act: (page, why) => byKeys(page, 1, "d", why), order: ["bea", "ada", "cleo"] },
  { verb: "evict", act: (page, why) => byMouse(page, "Evict ada", why), order: ["bea", "cleo"] },
];

test.each(DEEDS)(
  "what $verb does in one tab is seen in the other, with its reason",
  async ({ verb, act, order }) => {
    const election = `to-${verb}`;
    await stage.enter(election, ["ada", "bea", "cleo"]);
    const address = `#/elections/default/${election}`;
    const [here, there] = [await stage.open(address, 1), await eventsAfter(election, 2)];
    await here.bringToFront();
    await queueOf(here, ["ada", "bea", "cleo"]);
    const reason = `maintenance by ${verb}`;

    await act(here, reason);

    await there.bringToFront();
    await there.getByText(reason).first().waitFor();
    await there.goto(`${stage.cluster.node(2).url}/${address}`);
    await queueOf(there, order);
    const { leader, queue } = await stage.client.election(election).get();
    expect([leader, ...queue].map((each) => each?.id)).toEqual(order);
    await Promise.all([here.close(), there.close()]);
    expect(stage.complaints).toEqual([]);
  },
);

test("an election is deleted when its name has been typed, and the other tab says that it is gone", async () => {
  await stage.enter("to-delete", ["ada"], { once: true });
  const address = "#/elections/default/to-delete";
  const [here, there] = [await stage.open(address, 1), await stage.open(address, 3)];
  await queueOf(there, ["ada"]);
  await here.bringToFront();

  await here.getByRole("button", { name: "Delete the election …" }).click();
  const dialog = here.getByRole("dialog");
  const confirm = dialog.getByRole("button", { name: "Delete the election" });
  expect(await confirm.isDisabled()).toBe(true);
  await dialog.getByLabel("Type to-delete to confirm").fill("to-delete");
  await confirm.click();

  await there.bringToFront();
  await there.getByText("There is no such election").waitFor();
  await Promise.all([here.close(), there.close()]);
});

test("a verb that is decided on what is so no more is refused, and says so", async () => {
  await stage.enter("raced", ["ada", "bea"]);
  const page = await stage.open("#/elections/default/raced");
  await page.getByRole("button", { name: "Anoint bea" }).click();

  await stage.client.election("raced").admin.anoint("bea");
  await page.getByText("The election has changed since this was opened.").waitFor();
  await page.getByRole("button", { name: "Let bea lead" }).click();

  await page.locator(".dialog-failure").waitFor();
  const { leader, term } = await stage.client.election("raced").get();
  expect({ leader: leader?.id, term }).toEqual({ leader: "bea", term: 2n });
  await page.close();
});

test("a partition gets another leader in one tab, and the other shows it", async () => {
  const [here, there] = [await stage.open("#/cluster", 1), await stage.open("#/cluster", 2)];
  await here.bringToFront();
  const button = here.getByRole("button", { name: /^Let node \d lead partition 1$/ }).first();
  const node = /node (\d)/.exec((await button.getAttribute("aria-label")) ?? "")?.[1];

  await button.press("Enter");
  await here.getByRole("button", { name: "Hand over" }).click();
  await here.getByText(`Node ${node} leads partition 1 now.`).waitFor();

  await there.bringToFront();
  const row = there
    .getByRole("table", { name: /^Role of each node/ })
    .getByRole("row")
    .nth(1);
  await row
    .getByRole("cell")
    .nth(Number(node) - 1)
    .getByText("Leader")
    .waitFor();
  await Promise.all([here.close(), there.close()]);
  expect(stage.complaints).toEqual([]);
});

test("the events are saved as a file from the page", async () => {
  await stage.enter("saved", ["ada", "bea"]);
  const page = await eventsAfter("saved", 1);
  await stage.client.election("saved").admin.anoint("bea");
  await page.getByRole("grid").getByText("saved").first().waitFor();

  await page.getByRole("button", { name: "JSON" }).click();

  expect(await stage.download("conclave-events.json")).toContain('"saved"');
  await page.close();
  expect(stage.complaints).toEqual([]);
});

test("a console whose servers are gone says since when it is stale, and is live again after", async () => {
  await stage.enter("stale", ["ada", "bea"]);
  const page = await stage.open("#/elections/default/stale", 3);
  await queueOf(page, ["ada", "bea"]);
  await page.getByText("Live", { exact: true }).waitFor();

  await stage.cluster.node(3).kill();
  await page
    .getByRole("status")
    .getByText(/^Stale as of /)
    .waitFor();
  await stage.cluster.node(3).start();

  await page.getByText("Live", { exact: true }).waitFor();
  await queueOf(page, ["ada", "bea"]);
  await page.close();
});

/** Opens the screen of events on a page that follows this election by now. */
async function eventsAfter(election: string, node: number): Promise<Page> {
  const page = await stage.open("#/elections", node);
  await page.getByRole("rowheader", { name: election, exact: true }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("v");
  await page.getByRole("heading", { name: "Events" }).waitFor();
  return page;
}

async function byMouse(page: Page, button: string, reason: string): Promise<void> {
  await page.getByRole("button", { name: button }).click();
  await page.getByRole("dialog").getByLabel("Reason").fill(reason);
  await page.getByRole("dialog").locator("button[type=submit]").click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

/** The row is counted from 1, the leader. */
async function byKeys(page: Page, row: number, key: string, reason: string): Promise<void> {
  await queueIn(page).focus();
  for (let i = 0; i < row; i += 1) await page.keyboard.press("ArrowDown");
  await page.keyboard.press(key);
  await page.getByRole("dialog").waitFor();
  await page.keyboard.type(reason);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

function queueIn(page: Page): Locator {
  return page.getByRole("grid", { name: "Candidates in order of succession" });
}

/** Waits until the page shows these candidates, the leader first. */
async function queueOf(page: Page, candidates: readonly string[]): Promise<void> {
  for (const [i, candidate] of candidates.entries()) {
    const row = queueIn(page).locator(`[role=row][aria-rowindex="${i + 2}"]`);
    await row.getByRole("rowheader", { name: candidate, exact: true }).waitFor();
  }
}
