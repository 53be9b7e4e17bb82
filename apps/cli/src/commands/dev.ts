// SPDX-License-Identifier: Apache-2.0
/** `dev`: a cluster on this machine for trying things out, with its data under the working directory. */

import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Command, InvalidArgumentError } from "commander";
import type { CliContext } from "../cli-context.ts";
import { ENDPOINTS_FILE } from "../endpoints.ts";
import { CliError, EXIT } from "../exit-code.ts";
import { type DevServer, type Ending, startDevServer } from "./dev-server.ts";

const READY_CHECK_MS = 50;
const NODES_MAX = 7;

interface DevOptions {
  readonly nodes: number;
  readonly port: number;
}

/** Adds the command to the program. */
export function addDevCommand(program: Command, context: CliContext): void {
  program
    .command("dev")
    .description("Start a durable cluster of three servers on this machine and say what to try.")
    .option(
      "--nodes <n>",
      "how many servers: 3 survive the loss of one",
      wholeNumber(1, NODES_MAX),
      3,
    )
    .option(
      "--port <port>",
      "of the first server; the others take the next ones",
      wholeNumber(1, 65_535 - NODES_MAX),
      7400,
    )
    .addHelpText(
      "after",
      "\nThe servers listen on 127.0.0.1:7400 and up and keep their data under .conclave/node-N; their\n" +
        "addresses are left in .conclave/endpoints, where the other commands find them from this\n" +
        "directory. CONCLAVE_SERVER_* variables reach the servers. Ctrl-C stops them cleanly, and the\n" +
        "next start finds their data.\n" +
        "\nExample:\n  conclave dev",
    )
    .action(async (options: DevOptions) => {
      context.exitCode = await runDev(options, context);
    });
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It is a whole number, ${least} to ${most}.`);
  };
}

async function runDev({ nodes, port }: DevOptions, context: CliContext): Promise<number> {
  refuseOtherData(nodes, context);
  const servers = Array.from({ length: nodes }, (_, i) =>
    startDevServer(i + 1, serverOptions(i + 1, nodes, port), context),
  );
  let isStopping = false;
  let failed: number | undefined;
  const stop = (signal: NodeJS.Signals): void => {
    isStopping = true;
    for (const server of servers) server.kill(signal);
  };
  /** What the end of a server means for `dev`: the code to end with, if it is to end so. */
  const codeOf = async (server: DevServer): Promise<number> => {
    const ending = await server.ended;
    const hasServed = (await server.ready) !== undefined;
    if (isStopping || nodes === 1) return ending.code;
    if (hasServed) {
      report(server, ending, context);
      return EXIT.ok;
    }
    // It has said why on standard error; without it there is no such cluster.
    stop("SIGTERM");
    failed ??= ending.code;
    return ending.code;
  };
  const release = context.stops.listen(stop);
  const over = new AbortController();
  const opening = welcome(servers, context, over.signal);
  try {
    const codes = await Promise.all(servers.map(codeOf));
    over.abort();
    await opening;
    const worst = failed ?? codes.find((code) => code !== EXIT.ok);
    if (worst !== undefined || isStopping || nodes === 1) return worst ?? EXIT.ok;
    context.say("all servers have ended");
    return EXIT.error;
  } finally {
    release();
  }
}

/** Data of another number of nodes would wait for members that are not started, or know none. */
function refuseOtherData(nodes: number, context: CliContext): void {
  let found = 0;
  while (existsSync(join(context.cwd, dataDirectory(found + 1)))) found++;
  if (found === 0 || found === nodes) return;
  const what = found === 1 ? "one server" : `${found} servers`;
  throw new CliError(
    EXIT.usage,
    `--nodes: .conclave holds the data of ${what}; use --nodes ${found}, or remove .conclave to begin anew`,
  );
}

function serverOptions(node: number, nodes: number, port: number): readonly string[] {
  const own = ["--node", String(node), "--data-dir", dataDirectory(node)];
  if (nodes === 1) return port === 7400 ? own : [...own, "--listen", address(1, port)];
  const members = Array.from({ length: nodes }, (_, i) => `${i + 1}=${address(i + 1, port)}`);
  return [...own, "--listen", address(node, port), "--cluster", members.join(",")];
}

function address(node: number, port: number): string {
  return `127.0.0.1:${port + node - 1}`;
}

function dataDirectory(node: number): string {
  return join(".conclave", `node-${node}`);
}

/** Once all serve: leaves their addresses, and says what to do with them. */
async function welcome(
  servers: readonly DevServer[],
  context: CliContext,
  over: AbortSignal,
): Promise<void> {
  const urls: string[] = [];
  for (const { ready } of servers) {
    const url = await ready;
    if (url === undefined) return;
    urls.push(url);
  }
  const becomesReady = urls.map((url) => isReady(url, over));
  if ((await Promise.all(becomesReady)).includes(false)) return;
  const file = join(context.cwd, ENDPOINTS_FILE);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, urls.map((url) => `${url}\n`).join(""));
  for (const line of hints(servers, context)) context.print(line);
  const [first = ""] = urls;
  if (await servesConsole(first, over)) context.print(`conclave: console on ${first}/`);
}

/** Waits until a server is ready; false when all is over before. */
async function isReady(url: string, over: AbortSignal): Promise<boolean> {
  while (!over.aborted) {
    const answer = await fetch(`${url}/readyz`, { signal: over }).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return true;
    await delay(READY_CHECK_MS, undefined, { signal: over }).catch(() => {});
  }
  return false;
}

/** Not where it was not built, or the servers were told so. */
async function servesConsole(url: string, over: AbortSignal): Promise<boolean> {
  const answer = await fetch(url, { method: "HEAD", signal: over }).catch(() => undefined);
  return answer?.status === 200;
}

function hints(servers: readonly DevServer[], context: CliContext): readonly string[] {
  const name = programName(context);
  const first = [
    "conclave: cluster ready, try:",
    `  ${name} run demo -- sh -c 'echo leading with term $CONCLAVE_TERM; exec sleep 1000'`,
    `  ${name} watch demo`,
    `  ${name} get demo`,
  ];
  if (servers.length === 1) return first;
  const kills = servers.map(({ node, pid }) => `  kill -9 ${pid}   # node ${node}`);
  return [
    ...first,
    `  ${name} cluster status`,
    "and see that the others go on, and the runner leading, when you kill the node that leads:",
    ...kills,
  ];
}

function report(server: DevServer, { code, signal }: Ending, context: CliContext): void {
  const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
  context.say(`node ${server.node} (pid ${server.pid}) ${how}; start it again with:`);
  context.say(`  ${[programName(context), ...server.args].join(" ")}`);
}

/** Started by `npm start` there is no `conclave` on the path, but npx finds it. */
function programName(context: CliContext): string {
  return context.env["npm_lifecycle_event"] === undefined ? "conclave" : "npx conclave";
}
