// SPDX-License-Identifier: Apache-2.0
/** `dev`: a cluster on this machine for trying things out, with its data under the working directory. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { ENDPOINTS_FILE } from "../endpoints.ts";
import { CliError, EXIT, signalExitCode } from "../exit-code.ts";

const PROGRAM = fileURLToPath(new URL("../../bin/conclave.js", import.meta.url));
const READY_CHECK_MS = 50;

/** Adds the command to the program. */
export function addDevCommand(program: Command, context: CliContext): void {
  program
    .command("dev")
    .description("Start a durable server on this machine and say what to try.")
    .option("--nodes <n>", "how many servers; 1 for now", "1")
    .addHelpText(
      "after",
      "\nThe server listens on 127.0.0.1:7400 and keeps its data under .conclave/node-1; its address\n" +
        "is left in .conclave/endpoints, where the other commands find it from this directory.\n" +
        "CONCLAVE_SERVER_* variables reach the server. Ctrl-C stops it cleanly.\n" +
        "\nExample:\n  conclave dev",
    )
    .action(async (options: { readonly nodes: string }) => {
      if (options.nodes !== "1") {
        throw new CliError(
          EXIT.usage,
          "--nodes: only 1 so far, replication comes next; use --nodes 1",
        );
      }
      context.exitCode = await runDev(context);
    });
}

async function runDev(context: CliContext): Promise<number> {
  const dataDir = join(".conclave", "node-1");
  // In a group of its own, or a Ctrl-C would reach it twice: from the terminal and from us, and the
  // second one means "at once".
  const server = spawn(
    process.execPath,
    [PROGRAM, "server", "--node", "1", "--data-dir", dataDir],
    {
      cwd: context.cwd,
      // What a newcomer reads is below; the variable brings the rest back.
      env: { CONCLAVE_SERVER_LOG_LEVEL: "warn", ...context.env },
      detached: true,
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const release = context.stops.listen((signal) => server.kill(signal));
  const ended = endOf(server);
  const over = new AbortController();
  const opening = welcome(server, context, over.signal);
  try {
    const exitCode = await ended;
    over.abort();
    await opening;
    return exitCode;
  } finally {
    release();
  }
}

function endOf(server: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("exit", (code, signal) => {
      resolve(signal === null ? (code ?? EXIT.error) : signalExitCode(signal));
    });
  });
}

/** Forwards what the server prints; once it serves, says where it is and what to do with it. */
async function welcome(
  server: ChildProcess,
  context: CliContext,
  over: AbortSignal,
): Promise<void> {
  if (server.stdout === null) return;
  for await (const line of createInterface({ input: server.stdout })) {
    context.print(line);
    const url = /ready on (\S+)$/.exec(line)?.[1];
    if (url === undefined || !(await becomesReady(url, over))) continue;
    const file = join(context.cwd, ENDPOINTS_FILE);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${url}\n`);
    for (const hint of hints(context)) context.print(hint);
  }
}

async function becomesReady(url: string, over: AbortSignal): Promise<boolean> {
  while (!over.aborted) {
    const answer = await fetch(`${url}/readyz`, { signal: over }).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return true;
    await delay(READY_CHECK_MS, undefined, { signal: over }).catch(() => {});
  }
  return false;
}

function hints(context: CliContext): readonly string[] {
  // Started by `npm start` there is no `conclave` on the path, but npx finds it.
  const name = context.env["npm_lifecycle_event"] === undefined ? "conclave" : "npx conclave";
  return [
    "conclave: cluster ready, try:",
    `  ${name} run demo -- sh -c 'echo leading with term $CONCLAVE_TERM; exec sleep 1000'`,
    `  ${name} watch demo`,
    `  ${name} get demo`,
  ];
}
