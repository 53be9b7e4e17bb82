// SPDX-License-Identifier: Apache-2.0
/**
 * Runs one server in this process, from its options to its exit code.
 *
 * Standard output carries one line, when the port accepts calls; all else goes to standard error.
 */

import { readFileSync } from "node:fs";
import { markBadText, type StartedNode, startNode } from "@conclave/server/node";
import { destination, type Logger, pino } from "pino";
import { loadConfig, type ServerConfig } from "./config.ts";
import { findConsole } from "./console-directory.ts";
import type { Environment } from "./raw-options.ts";
import { helpText } from "./server-flags.ts";
import { describeFailure, EXIT_CODES, EXIT_USAGE } from "./start-faults.ts";

/**
 * Runs a server until SIGTERM or SIGINT and resolves with the exit code: 0 after a graceful stop, 2
 * for wrong options and where the other members were told something else, 10 to 14 for start-up
 * faults (design section 6), 13 or 14 too if the disk gives out later. A second signal ends the process at once with 128 + its number.
 *
 * @param argv the options, without the program's name.
 */
export async function runServer(argv: readonly string[], env: Environment): Promise<number> {
  const outcome = loadConfig(argv, env, (path) => readFileSync(path, "utf8"));
  switch (outcome.kind) {
    case "help":
      process.stdout.write(helpText());
      return 0;
    case "faults":
      for (const fault of outcome.faults) complain(fault);
      return EXIT_USAGE;
    case "config":
      return serve(outcome.config);
  }
}

async function serve(config: ServerConfig): Promise<number> {
  // Listening from the first moment, so that a signal while the log is read is not lost.
  const signals = listenForSignals();
  markBadText();
  try {
    const { tls, isExposed, isConsoleServed, logLevel, ...options } = config;
    const version = ownVersion();
    // Synchronous, so that the last line before an exit is not lost.
    const logger = pino({ level: logLevel }, destination({ dest: 2, sync: true }));
    const consoleDirectory = isConsoleServed ? findConsole() : undefined;
    if (isConsoleServed && consoleDirectory === undefined) logger.info("no console is installed");
    const started = await startNode({
      ...options,
      consoleDirectory,
      version,
      ...(tls === undefined ? {} : { tls }),
      log: (level, message) => logger[level](message),
    });
    if (started.kind === "failed") {
      complain(describeFailure(started, config));
      return EXIT_CODES[started.reason];
    }
    if (isExposed) {
      complain(`--insecure: ${started.url} is open to the network in clear text, for anyone`);
    }
    logger.info({ node: config.node, url: started.url, version }, "ready");
    process.stdout.write(`conclave: node ${config.node} ready on ${started.url}\n`);
    return await untilStopped(started, config, signals.first, logger);
  } finally {
    signals.stop();
  }
}

async function untilStopped(
  node: StartedNode,
  config: ServerConfig,
  signal: Promise<NodeJS.Signals>,
  log: Logger,
): Promise<number> {
  const ending = await Promise.race([
    signal.then((name) => ({ kind: "signal" as const, name })),
    node.failed,
  ]);
  if (ending.kind === "signal") log.info({ signal: ending.name }, "stopping");
  else log.fatal({ reason: ending.reason, detail: ending.detail }, "cannot go on, stopping");
  await node.stop();
  log.info("stopped");
  if (ending.kind === "signal") return 0;
  complain(`cannot go on: ${describeFailure(ending, config)}`);
  return EXIT_CODES[ending.reason];
}

const SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const;

/** The first signal, as a promise; the second ends the process. `stop` gives signals back to Node. */
function listenForSignals(): { readonly first: Promise<NodeJS.Signals>; stop(): void } {
  let resolveFirst: ((name: NodeJS.Signals) => void) | undefined;
  const first = new Promise<NodeJS.Signals>((resolve) => {
    resolveFirst = resolve;
  });
  const onSignal = (name: keyof typeof SIGNALS): void => {
    if (resolveFirst === undefined) process.exit(128 + SIGNALS[name]);
    resolveFirst(name);
    resolveFirst = undefined;
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    first,
    stop() {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}

function complain(line: string): void {
  process.stderr.write(`conclave: ${line}\n`);
}

/** All packages carry one version. */
function ownVersion(): string {
  const found: unknown = JSON.parse(
    readFileSync(new URL("../package.json", import.meta.url), "utf8"),
  );
  if (typeof found === "object" && found !== null && "version" in found)
    return String(found.version);
  return "unknown";
}
