// SPDX-License-Identifier: Apache-2.0
/**
 * A real Chromium for end-to-end specs, as a user's: Playwright only drives it. Its own launcher would
 * keep every tab in front and its timers unthrottled, and would switch the back/forward cache off.
 */

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type BrowserContext, chromium } from "playwright-core";
import { needTool, type Tool } from "../e2e/needed-tools.ts";
import { eventually } from "../e2e/processes.ts";
import type { Scene } from "../e2e/server.ts";

/** As distributions call it; one without tabs in the back, such as the headless shell, is no use. */
const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

export const CHROMIUM: Tool = { debianPackage: "chromium", files: [findChromium()] };

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-dev-shm-usage",
  "--disable-sync",
  // Certificates of these specs are their own.
  "--ignore-certificate-errors",
  // Timers of hidden pages wait for up to a minute after 5 minutes in the back; here after a second.
  "--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1",
  "--remote-debugging-port=0",
];

/** Starts a browser that ends with the scene. Only the tab in front is visible, as with users. */
export async function startChromium(scene: Scene): Promise<BrowserContext> {
  needTool(CHROMIUM);
  const profile = `--user-data-dir=${join(scene.folder, "chromium")}`;
  const [program = ""] = CHROMIUM.files;
  const process = scene.processes.run(program, [...FLAGS, profile, "about:blank"]);
  const address = await eventually(
    "the browser listens",
    () => /^DevTools listening on (\S+)$/m.exec(process.stderr())?.[1],
    process.stderr,
  );
  const browser = await chromium.connectOverCDP(address, { noDefaults: true });
  const [context] = browser.contexts();
  if (context === undefined) throw new Error("the browser has no context of its own");
  context.setDefaultTimeout(30_000);
  return context;
}

function findChromium(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return found.find((file) => existsSync(file)) ?? "/usr/bin/chromium";
}
