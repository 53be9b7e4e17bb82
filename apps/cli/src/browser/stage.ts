// SPDX-License-Identifier: Apache-2.0
/**
 * What the browser specs of one file share: a browser, three servers, the candidate's page at an origin
 * that the servers allow, and a resource that fences. Elections of its tests have names of their own.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContext } from "playwright-core";
import { generate } from "selfsigned";
import { type ClusterProcesses, startCluster } from "../e2e/cluster-processes.ts";
import { createScene, type Scene } from "../e2e/server.ts";
import { startChromium } from "./chromium.ts";
import { type CounterService, serveCounters } from "./fenced-counter.ts";
import { buildPage, servePages, TAB_PAGE } from "./page-server.ts";
import { createTabs, type Tabs } from "./tabs.ts";

export interface Stage extends AsyncDisposable {
  readonly scene: Scene;
  readonly browser: BrowserContext;
  readonly cluster: ClusterProcesses;
  readonly counters: CounterService;
  /** Where the page is that the servers allow. */
  readonly origin: string;
  /** Serves the same page from another origin. */
  elsewhere(): Promise<string>;
  tabs(election: string): Tabs;
}

export interface StageOptions {
  /** The folder of the page that the tabs show. Default: the candidate's. */
  readonly page?: string;
  /** The servers speak TLS, and with it HTTP/2, to browsers and to each other. */
  readonly tls?: boolean;
}

export async function createStage(options: StageOptions = {}): Promise<Stage> {
  const scene = createScene();
  try {
    return await setStage(scene, options);
  } catch (error) {
    await scene[Symbol.asyncDispose]();
    throw error;
  }
}

async function setStage(
  scene: Scene,
  { page = TAB_PAGE, tls = false }: StageOptions,
): Promise<Stage> {
  const origin = await servePages(scene, () => join(scene.folder, "page"));
  // One after the other: what starts has to be there within a bound, and machines have two cores.
  await buildPage(scene, page);
  const browser = await startChromium(scene);
  const cluster = await startServers(scene, origin, tls);
  const counters = await serveCounters(scene);
  return {
    scene,
    browser,
    cluster,
    counters,
    origin,
    elsewhere: () => servePages(scene, () => join(scene.folder, "page")),
    tabs: (election) => createTabs(browser, origin, election, counters.url),
    async [Symbol.asyncDispose]() {
      await browser.browser()?.close();
      await scene[Symbol.asyncDispose]();
    },
  };
}

async function startServers(scene: Scene, origin: string, tls: boolean): Promise<ClusterProcesses> {
  const flags = ["--cors-origin", origin];
  if (!tls) return startCluster(scene, { flags });
  const altNames = [{ type: 7, ip: "127.0.0.1" }] as const;
  const made = await generate([{ name: "commonName", value: "127.0.0.1" }], {
    keySize: 2048,
    extensions: [{ name: "subjectAltName", altNames: [...altNames] }],
  });
  const certificate = join(scene.folder, "certificate.pem");
  const key = join(scene.folder, "key.pem");
  writeFileSync(certificate, made.cert);
  writeFileSync(key, made.private);
  flags.push("--tls-cert", certificate, "--tls-key", key, "--tls-ca", certificate);
  return startCluster(scene, { flags, scheme: "https" });
}
