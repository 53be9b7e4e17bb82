// SPDX-License-Identifier: Apache-2.0
// Tabs of a real browser that stand in an election of a real cluster, and the leading one goes for good.
import { afterAll, beforeAll, vi } from "vitest";
import { testWith } from "../e2e/needed-tools.ts";
import { CHROMIUM } from "./chromium.ts";
import { endKept, stand, untilNext } from "./hand-over.ts";
import { createStage, type Stage } from "./stage.ts";
import type { Tab } from "./tabs.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const test = testWith(CHROMIUM);
let stage: Stage;

beforeAll(async () => {
  stage = await createStage();
});

afterAll(() => stage?.[Symbol.asyncDispose]());

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

/** What chrome://crash does; no such page answers, so nobody waits for one. */
async function crash({ page }: Tab): Promise<void> {
  const crashed = page.waitForEvent("crash");
  page.goto("chrome://crash").catch(() => undefined);
  await crashed;
}
