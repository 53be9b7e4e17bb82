// SPDX-License-Identifier: Apache-2.0
/** Pages for browser specs: built by Vite as a user's are, and served from an origin of their own. */

import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import type { Scene } from "../e2e/server.ts";
import { listen } from "./loopback.ts";

const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript" };

/** The folder of the candidate's page. */
export const TAB_PAGE: string = fileURLToPath(new URL("./page/", import.meta.url));

/** By this name, whatever is in it: a page has to find it again. */
const SERVICE_WORKER = "service-worker";

/**
 * Builds a folder's pages, and its service worker where it has one, from source, without what is in
 * any dist, and says where they are now.
 */
export async function buildPage(scene: Scene, folder: string): Promise<string> {
  const outDir = join(scene.folder, "page");
  await build({
    root: folder,
    configFile: false,
    logLevel: "error",
    // Vite puts the conditions of browsers before these.
    resolve: { conditions: ["@conclave/source", "module", "browser"] },
    build: {
      outDir,
      emptyOutDir: true,
      target: "es2023",
      // It is for documents, and a worker may share a file with them.
      modulePreload: { polyfill: false },
      rolldownOptions: { input: entriesOf(folder), output: { entryFileNames: nameOf } },
    },
  });
  return outDir;
}

function entriesOf(folder: string): string[] {
  const isEntry = (name: string): boolean =>
    extname(name) === ".html" || name === `${SERVICE_WORKER}.ts`;
  return readdirSync(folder)
    .filter(isEntry)
    .map((name) => join(folder, name));
}

function nameOf({ name }: { readonly name: string }): string {
  return name === SERVICE_WORKER ? `${name}.js` : "assets/[name]-[hash].js";
}

/** Serves a folder's files on a port that was free, and says at which origin; ends with the scene. */
export async function servePages(scene: Scene, folder: () => string): Promise<string> {
  const server = createServer(({ url = "/" }, response) => {
    const { pathname } = new URL(url, "http://pages");
    const name = pathname === "/" ? "index.html" : pathname;
    try {
      const file = readFileSync(join(folder(), name));
      response.setHeader("Content-Type", TYPES[extname(name)] ?? "application/octet-stream");
      response.end(file);
    } catch {
      response.writeHead(404).end();
    }
  });
  return listen(scene, server);
}
