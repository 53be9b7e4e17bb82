// SPDX-License-Identifier: Apache-2.0
// Tabs of a real browser that stand in an election of a real cluster, and what is between them fails.
import { setTimeout as delay } from "node:timers/promises";
import type { CDPSession } from "playwright-core";
import { afterAll, beforeAll, expect, vi } from "vitest";
import { busiestNode } from "../e2e/cluster-status.ts";
import { testWith } from "../e2e/needed-tools.ts";
import { eventually } from "../e2e/processes.ts";
import { CHROMIUM } from "./chromium.ts";
import { endKept, stand, TTL_MS, untilNext, untilQueued } from "./hand-over.ts";
import { startBufferingProxy } from "./proxies.ts";
import { createStage, type Stage } from "./stage.ts";
import type { Tab } from "./tabs.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const test = testWith(CHROMIUM);
let stage: Stage;

beforeAll(async () => {
  stage = await createStage();
});

afterAll(() => stage?.[Symbol.asyncDispose]());

test("when the leading tab is offline another leads, and it stands in line when it is back", async () => {
  const what = "offline";
  const standing = await stand(stage, { what });
  const { tab } = standing.office;
  const devtools = await tab.devtools();

  await untilNext(standing, what, () => setOffline(devtools, true));
  const backMs = Date.now();
  await setOffline(devtools, false);

  await untilQueued(standing.tabs, tab, backMs);
  await endKept(stage, standing, what);
});

test("a tab that goes offline and online all the time dials each server once a second at most", async () => {
  const what = "flapping";
  const standing = await stand(stage, { what });
  const { tab } = standing.office;
  const devtools = await tab.devtools();
  const dials = followDials(tab);

  const fromMs = Date.now();
  for (let i = 0; i < 14; i += 1) {
    await setOffline(devtools, i % 2 === 0);
    await delay(300);
  }
  await setOffline(devtools, false);
  await standing.tabs.heldAfter(Date.now());

  const seconds = (Date.now() - fromMs) / 1_000;
  for (const [endpoint, times] of dials) {
    console.log(`browser: flapping: ${times.length} dials of ${endpoint} in ${seconds} s`);
    expect(times.length).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
  }
  await endKept(stage, standing, what);
});

test("when the server that leads the election dies, its tab leads on or the next one does", async () => {
  const what = "server killed";
  const standing = await stand(stage, { what });
  const node = stage.cluster.node(await busiestNode(stage.cluster.urls[0] ?? ""));

  await node.kill();
  const deadMs = Date.now();
  const { tab, term } = await standing.tabs.heldAfter(deadMs + TTL_MS);
  console.log(`browser: ${what}: ${tab.candidate} leads in term ${term}`);
  await node.start();
  await stage.cluster.ready();

  await endKept(stage, standing, what);
});

test("through a proxy that buffers, tabs stand by long polls, and say what to change", async () => {
  const what = "buffering proxy";
  const proxy = await startBufferingProxy(stage.scene, stage.cluster.urls[0] ?? "");
  const standing = await stand(stage, { what, ttlMs: 2 * TTL_MS, endpoints: [proxy] });

  const isWarning = (line: string): boolean => line.startsWith("warning:") && line.includes(proxy);
  const { tab } = standing.office;
  await eventually("it warns", () => tab.console().some(isWarning));
  await untilNext(standing, what, ({ page }) => page.close({ runBeforeUnload: true }));

  await endKept(stage, standing, what);
});

test("a page of an origin that is not allowed is told so, and what to change", async () => {
  const origin = await stage.elsewhere();
  const tabs = stage.tabs("foreign");
  const options = {
    candidate: "eve",
    ttlMs: TTL_MS,
    endpoints: stage.cluster.urls,
    origin,
    timeoutMs: 5_000,
  };

  const tab = await tabs.open(options);

  const line = await tabs.said(tab, "that it failed", ({ kind }) => kind === "failed");
  expect(line.said).toMatchObject({
    message: expect.stringMatching(new RegExp(`^DENIED: .*--cors-origin ${origin}`)),
  });
  await tabs.close();
});

function setOffline(devtools: CDPSession, offline: boolean): Promise<unknown> {
  const endless = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
  return devtools.send("Network.emulateNetworkConditions", { offline, ...endless });
}

/** When each server was asked for the page's stream, from now on. */
function followDials({ page }: Tab): ReadonlyMap<string, readonly number[]> {
  const dials = new Map<string, number[]>();
  page.on("request", (request) => {
    const { origin, pathname } = new URL(request.url());
    if (!pathname.endsWith("/Listen")) return;
    const times = dials.get(origin) ?? [];
    dials.set(origin, times);
    times.push(Date.now());
  });
  return dials;
}
