// SPDX-License-Identifier: Apache-2.0
/** The console of three real servers, with elections to look at, in tabs that are watched for faults. */

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Client, connect, type Leadership } from "@conclave/client";
import axe from "axe-core";
import type { BrowserContext, Page } from "playwright-core";
import { expect } from "vitest";
import { type ClusterProcesses, startCluster } from "../e2e/cluster-processes.ts";
import { eventually } from "../e2e/processes.ts";
import { createScene, type Scene } from "../e2e/server.ts";
import { startChromium } from "./chromium.ts";

export interface ConsoleStage extends AsyncDisposable {
  readonly cluster: ClusterProcesses;
  readonly client: Client;
  /** Candidates enter in this order, each with a session of its own; the first leads. */
  enter(election: string, candidates: readonly string[], options?: EnterOptions): Promise<void>;
  /** Opens the console of a node, at an address such as `#/elections`. */
  open(hash: string, node?: number): Promise<Page>;
  /** A file that a page gives to its user, when it is all there. */
  download(name: string): Promise<string>;
  /** What browsers complained about: policies, errors nobody caught, files that are not there. */
  readonly complaints: readonly string[];
}

interface EnterOptions {
  readonly namespace?: string;
  /** Candidates whose office is over do not stand again. */
  readonly once?: boolean;
}

export async function createConsoleStage(): Promise<ConsoleStage> {
  const scene = createScene();
  try {
    return await setStage(scene);
  } catch (error) {
    await scene[Symbol.asyncDispose]();
    throw error;
  }
}

async function setStage(scene: Scene): Promise<ConsoleStage> {
  const browser = await startChromium(scene);
  const cluster = await startCluster(scene);
  const clients: Client[] = [];
  const dial = async (namespace: string): Promise<Client> => {
    const client = await connect({ endpoints: cluster.urls, namespace });
    clients.push(client);
    return client;
  };
  const client = await dial("default");
  await keepDownloads(browser, scene.folder);
  const complaints: string[] = [];
  return {
    cluster,
    client,
    complaints,
    async enter(election, candidates, { namespace = "default", once = false } = {}) {
      for (const [i, candidate] of candidates.entries()) {
        const stand = (await dial(namespace)).election(election);
        // Longer than a test: whoever is evicted comes back after a TTL.
        const options = { candidate, ttlMs: 60_000, metadata: { zone: `z${i + 1}` } };
        const stood = once ? stand.campaign(options) : stand.serve(untilOver, options);
        stood.catch(() => undefined);
        await eventually(`${candidate} has entered`, async () => {
          const { leader, queue } = await stand.get();
          return leader !== null && queue.length === i;
        });
      }
    },
    open: (hash, node = 1) => openConsole(browser, cluster.node(node).url, hash, complaints),
    download: (name) =>
      eventually(`${name} is there`, () => {
        const file = join(scene.folder, name);
        return existsSync(file) && readFileSync(file, "utf8");
      }),
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(clients.map((each) => each.close()));
      await endBrowser(browser, scene);
    },
  };
}

/** Looks at the page as axe does: nothing serious may stand in anybody's way. */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  // As an expression for the debugger, which no policy of the page forbids.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe.source);
  // All that is well, too, would take longer to bring here than to find.
  const violations = await page.evaluate(async () => {
    const found = await window.axe.run({ resultTypes: ["violations"] });
    return found.violations;
  });
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const told = serious.map(({ id, nodes }) => `${what}: ${id}: ${nodes[0]?.html}`);
  expect(told).toEqual([]);
}

declare global {
  interface Window {
    /** What `axe.source` leaves in a page. */
    readonly axe: typeof axe;
  }
}

/** Where pictures go: `CONCLAVE_ARTIFACTS`, or a folder that git ignores. */
export function artifact(name: string): string {
  const beside = fileURLToPath(new URL("../../.artifacts", import.meta.url));
  const folder = process.env["CONCLAVE_ARTIFACTS"] ?? beside;
  mkdirSync(folder, { recursive: true });
  return join(folder, name);
}

function untilOver({ signal }: Leadership): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}

async function openConsole(
  browser: BrowserContext,
  url: string,
  hash: string,
  complaints: string[],
): Promise<Page> {
  const page = await browser.newPage();
  page.on("pageerror", (error) => complaints.push(`${hash}: ${error.stack ?? error}`));
  page.on("console", (message) => {
    const { text, type } = { text: message.text(), type: message.type() };
    // A call that is refused is an answer; files are looked at below.
    if (type !== "error" && type !== "warning") return;
    if (!text.startsWith("Failed to load resource")) complaints.push(`${hash}: ${text}`);
  });
  page.on("response", (response) => {
    const { method, status } = { method: response.request().method(), status: response.status() };
    if (method === "GET" && status >= 400) complaints.push(`${hash}: ${status} ${response.url()}`);
  });
  await page.goto(`${url}/${hash}`);
  return page;
}

/** A browser that is driven asks nobody where to. */
async function keepDownloads(browser: BrowserContext, folder: string): Promise<void> {
  const devtools = await browser.browser()?.newBrowserCDPSession();
  const where = { behavior: "allow", downloadPath: folder } as const;
  await devtools?.send("Browser.setDownloadBehavior", where);
}

async function endBrowser(browser: BrowserContext, scene: Scene): Promise<void> {
  await browser.browser()?.close();
  await scene[Symbol.asyncDispose]();
}
