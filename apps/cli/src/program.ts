// SPDX-License-Identifier: Apache-2.0
/** The command line as a whole: which commands there are, and how a mistake in using them reads. */

import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import type { CliContext } from "./cli-context.ts";
import { addCampaignCommand } from "./commands/campaign.ts";
import { addClusterCommands } from "./commands/cluster.ts";
import { addDevCommand } from "./commands/dev.ts";
import { addReadCommands } from "./commands/read.ts";
import { addRunCommand } from "./commands/run.ts";
import { addServerCommand } from "./commands/server.ts";
import { addSessionCommands } from "./commands/session.ts";
import { addSnapshotCommands } from "./commands/snapshot.ts";
import { addSteerCommands } from "./commands/steer.ts";
import { describeFailure, EXIT } from "./exit-code.ts";

/** Runs one command line, without the program's own name, and resolves with its exit code. */
export async function runProgram(argv: readonly string[], context: CliContext): Promise<number> {
  try {
    const words = argv.length === 0 ? ["help"] : [...argv];
    await createProgram(context).parseAsync(words, { from: "user" });
    return context.exitCode;
  } catch (thrown) {
    // Commander has printed already: what was asked for (code 0), or what is wrong with the usage.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const { exitCode, line } = describeFailure(thrown, context.endpoints);
    context.say(line);
    return exitCode;
  }
}

function createProgram(context: CliContext): Command {
  const program = new Command("conclave")
    .description("Leader election: run a node, run a command only while it leads, watch and steer.")
    .version(readVersion(), "--version", "print the version")
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.print(text.trimEnd()),
      writeErr: (text) => context.say(text.trimEnd()),
      outputError: (text, write) => write(usageLine(text)),
    })
    .addHelpText("after", HELP);
  addDevCommand(program, context);
  addServerCommand(program, context);
  addRunCommand(program, context);
  addCampaignCommand(program, context);
  addReadCommands(program, context);
  addSteerCommands(program, context);
  addClusterCommands(program, context);
  addSessionCommands(program, context);
  addSnapshotCommands(program, context);
  return program;
}

/** Commander's words, with its suggestion on the same line and where to read on. */
function usageLine(text: string): string {
  const line = text
    .replace(/^error: /, "")
    .trim()
    .replace(/\s*\n\s*/g, " ");
  return `${line.replace(/\.$/, "")}; "conclave help" shows what there is`;
}

function readVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { readonly version: string };
  return version;
}

const HELP = `
Environment: CONCLAVE_ENDPOINTS, CONCLAVE_NAMESPACE, CONCLAVE_TOKEN; flags win over it.
Exit codes: 0 ok, 1 error, 2 usage, 3 unavailable, 4 conflict or precondition, 5 denied,
6 not found; a server's own begin at 10, and run exits with its command's code.

Example:
  conclave dev
  conclave run demo -- sh -c 'echo leading with term $CONCLAVE_TERM; exec sleep 1000'
  conclave watch demo`;
