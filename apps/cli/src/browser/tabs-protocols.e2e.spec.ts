// SPDX-License-Identifier: Apache-2.0
// Tabs of a real browser in elections of a real cluster, in each way to write calls and to send them.
import { afterAll, beforeAll, describe, expect, vi } from "vitest";
import { testWith } from "../e2e/needed-tools.ts";
import { CHROMIUM } from "./chromium.ts";
import { endKept, stand, TTL_MS, untilNext } from "./hand-over.ts";
import { createStage, type Stage } from "./stage.ts";
import type { Tab } from "./tabs.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const test = testWith(CHROMIUM);

const WIRES = [
  { wire: "HTTP/1.1 in clear text", tls: false, spoken: "http/1.1" },
  { wire: "HTTP/2 over TLS", tls: true, spoken: "h2" },
] as const;

describe.each(WIRES)("over $wire", ({ wire, tls, spoken }) => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await createStage({ tls });
  });

  afterAll(() => stage?.[Symbol.asyncDispose]());

  test.each(["connect", "grpc-web"] as const)("tabs that speak %s hand over", async (protocol) => {
    const what = `${protocol} over ${wire}`;
    const standing = await stand(stage, { what, protocol });
    const calls = await followCalls(standing.office.tab);
    const office = await standing.tabs.heldAfter(Date.now() + TTL_MS);

    await untilNext({ ...standing, office }, what, ({ page }) =>
      page.close({ runBeforeUnload: true }),
    );

    expect(calls).toEqual(new Set([`${spoken} ${CONTENT[protocol]}`]));
    await endKept(stage, standing, what);
  });
});

const CONTENT = { connect: "application/proto", "grpc-web": "application/grpc-web+proto" } as const;

/** How renewals travel from now on. */
async function followCalls(tab: Tab): Promise<ReadonlySet<string>> {
  const calls = new Set<string>();
  const devtools = await tab.devtools();
  devtools.on("Network.responseReceived", ({ response, type }) => {
    if (type === "Preflight" || !response.url.endsWith("/KeepAlive")) return;
    calls.add(`${response.protocol} ${response.mimeType}`);
  });
  await devtools.send("Network.enable");
  return calls;
}
