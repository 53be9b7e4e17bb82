// SPDX-License-Identifier: Apache-2.0
// Every screen of the console in a real browser: reached by keys, wide and narrow, light and dark.
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, vi } from "vitest";
import { testWith } from "../e2e/needed-tools.ts";
import { eventually } from "../e2e/processes.ts";
import { CHROMIUM } from "./chromium.ts";
import {
  artifact,
  type ConsoleStage,
  createConsoleStage,
  expectAccessible,
} from "./console-stage.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

const test = testWith(CHROMIUM);
const HEIGHT = 800;
let stage: ConsoleStage;

beforeAll(async () => {
  stage = await createConsoleStage();
  await stage.enter("orders", ["ada", "bea", "cleo"]);
  await stage.enter("billing", ["dora"], { namespace: "shop" });
  await stage.enter("reports", ["eve"], { once: true });
  const { admin } = stage.client.election("orders");
  await admin.anoint("bea", { reason: "host 1 is restarted" });
  await admin.anoint("ada", { reason: "host 1 is back" });
  await stage.client.election("reports").admin.evict("eve", { reason: "reports are off" });
});

afterAll(() => stage?.[Symbol.asyncDispose]());

interface Screen {
  readonly name: string;
  /** From wherever one is, by keys alone. */
  readonly reach: (page: Page) => Promise<void>;
  /** What stands there when it is there. */
  readonly shows: string;
}

const SCREENS: readonly Screen[] = [
  { name: "elections", reach: (page) => press(page, "g", "e"), shows: "billing" },
  {
    name: "election",
    async reach(page) {
      await press(page, "g", "e");
      await gridOf(page, "orders");
      await page.keyboard.press("/");
      await page.keyboard.type("orders");
      await gridOf(page, "orders");
      await page.getByRole("grid").focus();
      await press(page, "ArrowDown", "Enter");
    },
    shows: "History of terms",
  },
  {
    name: "verb dialog",
    async reach(page) {
      await page.getByRole("grid").focus();
      await press(page, "ArrowDown", "ArrowDown", "a");
    },
    shows: "This moves the leadership.",
  },
  {
    name: "sessions",
    async reach(page) {
      await press(page, "Escape", "g", "s");
    },
    shows: "ada",
  },
  {
    name: "session",
    async reach(page) {
      await page.getByRole("grid").focus();
      await press(page, "ArrowDown", "Enter");
    },
    shows: "Waits for",
  },
  { name: "events", reach: (page) => press(page, "g", "v"), shows: "prefer bea" },
  { name: "cluster", reach: (page) => press(page, "g", "c"), shows: "Partition 1" },
  { name: "keys", reach: (page) => press(page, "?"), shows: "Go to the cluster" },
];

/** Each layout and each colour is gone through by axe once: the two have nothing to do with each other. */
const LOOKS = [
  { width: 1280, colorScheme: "light", isJudged: true },
  { width: 1280, colorScheme: "dark", isJudged: false },
  { width: 360, colorScheme: "light", isJudged: false },
  { width: 360, colorScheme: "dark", isJudged: true },
] as const;

test.each(LOOKS)(
  "at $width px, $colorScheme, every screen is reached by keys and in nobody's way",
  async (look) => {
    const { width, colorScheme, isJudged } = look;
    const page = await stage.open("#/elections");
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: HEIGHT });
    await gridOf(page, "orders");
    // Something for the screen of events, which shows what has happened since.
    const { admin } = stage.client.election("orders");
    for (const name of ["cleo", "bea"]) await admin.promote(name, { reason: `prefer ${name}` });

    for (const { name, reach, shows } of SCREENS) {
      await reach(page);
      await page.getByText(shows).filter({ visible: true }).first().waitFor();
      const isLoaded = async (): Promise<boolean> => (await page.locator(".spinner").count()) === 0;
      await eventually(`${name} is loaded`, isLoaded);
      const picture = `console-${name.replace(" ", "-")}-${width}-${colorScheme}.png`;
      await takePicture(page, width, artifact(picture));
      const what = `${name} at ${width} px, ${colorScheme}`;
      if (isJudged) await expectAccessible(page, what);
      expect(await overhang(page), `${what} is larger than the page`).toEqual({ x: 0, y: 0 });
    }
    await page.close();

    expect(stage.complaints).toEqual([]);
  },
);

test("every screen is reached by mouse", async () => {
  const page = await stage.open("");
  const titled = (name: string | RegExp): Promise<void> =>
    page.getByRole("heading", { name, level: 1 }).waitFor();
  await gridOf(page, "orders");

  for (const name of ["Events", "Cluster", "Sessions", "Elections"]) {
    await page.getByRole("link", { name, exact: true }).click();
    await titled(name);
  }
  await page.getByRole("rowheader", { name: "orders" }).click();
  await titled("orders");
  await page.getByRole("link", { name: "All elections" }).click();
  await titled("Elections");
  await page.getByRole("link", { name: "Sessions", exact: true }).click();
  await page.getByRole("rowheader", { name: "dora" }).click();
  await titled(/^Session/);
  await page.getByRole("link", { name: "billing" }).click();
  await titled("billing");

  await page.close();
  expect(stage.complaints).toEqual([]);
});

test("the address of an election and of a session can be opened anew", async () => {
  const first = await stage.open("#/elections/shop/billing");
  await first.getByRole("heading", { name: "billing", level: 1 }).waitFor();
  await first.getByText("dora").first().waitFor();
  await first.getByRole("region", { name: "Leader", exact: true }).getByRole("link").click();
  await first.getByRole("heading", { name: /^Session/ }).waitFor();

  const second = await stage.open(new URL(first.url()).hash, 2);

  await second.getByText("as dora, term 1").waitFor();
  await Promise.all([first.close(), second.close()]);
});

/** By how much the page itself could be scrolled: only what is in it may be, and only up and down. */
function overhang(page: Page): Promise<{ readonly x: number; readonly y: number }> {
  return page.evaluate(() => {
    const { scrollWidth, scrollHeight } = document.documentElement;
    return { x: scrollWidth - innerWidth, y: scrollHeight - innerHeight };
  });
}

/** Of the whole screen, in a window that is high enough for it. */
async function takePicture(page: Page, width: number, path: string): Promise<void> {
  const hidden = await page.evaluate(() => {
    const main = document.getElementById("main");
    return main === null ? 0 : main.scrollHeight - main.clientHeight;
  });
  await page.setViewportSize({ width, height: HEIGHT + hidden });
  await page.screenshot({ path });
  await page.setViewportSize({ width, height: HEIGHT });
}

async function press(page: Page, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key);
}

/** Waits until a row of the screen's list names this. */
async function gridOf(page: Page, name: string): Promise<void> {
  await page.getByRole("grid").getByRole("rowheader", { name }).first().waitFor();
}
