// SPDX-License-Identifier: Apache-2.0
/**
 * The workspace's tools made available: the pinned pnpm on the path, and its packages installed.
 *
 * Nothing is installed outside the workspace, apart from what npx keeps in its own cache.
 */

import { spawnSync } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { runQuietly } from "./child.mjs";
import { ROOT } from "./root.mjs";

/** What turbo is asked for to build everything that runs; what has not changed comes from its cache. */
export const BUILD = ["run", "//#build", "@conclave/console#build", "--output-logs=errors-only"];

/** Packages that another version of pnpm had installed are replaced without a question to a terminal. */
const PURGE = "--config.confirmModulesPurge=false";

/**
 * The environment in which every tool runs: its path leads to the pinned pnpm and to the tools of
 * the root, and nothing reports what is done here to anybody.
 *
 * @returns {Promise<NodeJS.ProcessEnv | undefined>} nothing, after a line on stderr, where neither
 *   pnpm nor a copy from npm could be had
 */
export async function toolEnvironment() {
  const manifest = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  const pin = manifest.packageManager.replace("pnpm@", "");
  /** @type {NodeJS.ProcessEnv} */
  const env = {
    ...process.env,
    DO_NOT_TRACK: "1",
    TURBO_TELEMETRY_DISABLED: "1",
    // Turbo prints an advertisement for its newest version otherwise.
    TURBO_NO_UPDATE_NOTIFIER: "1",
    // Without it npx asks the registry first and waits for more than a minute when there is no network.
    npm_config_prefer_offline: "true",
  };
  const tools = join(ROOT, "node_modules", ".bin");
  const path = env["PATH"];
  if (versionOnPath(env) === pin) return { ...env, PATH: joinPath(tools, path) };
  const folder = folderFromNpx(pin, env);
  return folder === undefined ? undefined : { ...env, PATH: joinPath(folder, tools, path) };
}

/** @param {(string | undefined)[]} folders */
function joinPath(...folders) {
  return folders.filter(Boolean).join(delimiter);
}

/** @param {NodeJS.ProcessEnv} env */
function versionOnPath(env) {
  return spawnSync("pnpm", ["--version"], { cwd: ROOT, env, encoding: "utf8" }).stdout?.trim();
}

/**
 * The folder in npx's cache that holds the pinned pnpm, which npx fills on first use. Asked for once,
 * so that npx does not stand between us and a tool: it would swallow signals and cost a second each.
 *
 * @param {string} pin
 * @param {NodeJS.ProcessEnv} env
 */
function folderFromNpx(pin, env) {
  const args = ["--yes", `--package=pnpm@${pin}`, "-c", "command -v pnpm"];
  const found = spawnSync("npx", args, {
    cwd: ROOT,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (found.status === 0) return dirname(found.stdout.trim());
  process.stderr.write(
    `cannot get pnpm ${pin} through npx:\n${found.stderr ?? found.error?.message}\n`,
  );
  return undefined;
}

/**
 * Installs exactly what the lockfile says, unless that has been done since the lockfile changed.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} the exit code
 */
export async function installIfStale(env) {
  const installedMs = await modifiedMs(join(ROOT, "node_modules", ".modules.yaml"));
  const lockedMs = await modifiedMs(join(ROOT, "pnpm-lock.yaml"));
  if (installedMs !== undefined && lockedMs !== undefined && installedMs >= lockedMs) return 0;
  return runQuietly("installing", "pnpm", ["install", "--frozen-lockfile", PURGE], env);
}

/** @param {string} path */
async function modifiedMs(path) {
  return stat(path).then(
    (found) => found.mtimeMs,
    () => undefined,
  );
}
