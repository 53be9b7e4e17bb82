// SPDX-License-Identifier: Apache-2.0
/** `run`: what the user asked for becomes a checked plan; run/ carries it out. */

import type { Command } from "commander";
import { drawCandidateName } from "../candidate-name.ts";
import type { CliContext } from "../cli-context.ts";
import {
  addClusterOptions,
  type ClusterOptions,
  durationArgument,
  ttlArgument,
  withClient,
} from "../cluster-options.ts";
import { formatDuration } from "../duration.ts";
import { CliError, EXIT } from "../exit-code.ts";
import { createGuard } from "../run/guarded-command.ts";
import { type RunPlan, runWhileLeading } from "../run/run-while-leading.ts";

/** The same as the SDK's: rides out a server's fail-over many times. */
const DEFAULT_TTL_MS = 10_000;
/** Enough for most programs to finish what they have in hand. */
const DEFAULT_DRAIN_MS = 1000;
/** Below this, a busy machine could let the office go before the guard has killed. */
const GRACE_MIN_MS = 100;

export interface RunCommandOptions extends ClusterOptions {
  readonly candidate?: string;
  readonly ttl?: number;
  readonly grace?: number;
  readonly drain?: number;
  readonly once?: true;
}

/** Adds the command to the program. */
export function addRunCommand(program: Command, context: CliContext): void {
  const command = program
    .command("run")
    .description("Run a command while we lead an election, and only then.")
    .usage("[options] <name> -- <command...>")
    .argument("<name>", "the election")
    .argument("<command...>", "the program and its arguments, after --")
    .option("--candidate <name>", "our name in it (default: host, process and a random part)")
    .option(
      "--ttl <duration>",
      "how long a silent process keeps the office (default: 10s)",
      ttlArgument,
    )
    .option(
      "--grace <duration>",
      "the same once its connection has ended; at least 100ms (default: off)",
      durationArgument,
    )
    .option(
      "--drain <duration>",
      "from SIGTERM to SIGKILL; below half the TTL (default: 1s, at most a quarter of the TTL)",
      durationArgument,
    )
    .option("--once", "exit when the office is lost instead of entering again")
    .addHelpText("after", HELP);
  addClusterOptions(command);
  command.action(async (name: string, words: readonly string[], options: RunCommandOptions) => {
    const plan = planRun(words, options);
    context.exitCode = await withClient(options, context, (client) =>
      runWhileLeading(client.election(name), plan, {
        say: context.say,
        stops: context.stops,
        createGuard,
      }),
    );
  });
}

/** Checks the options against each other and fills in the defaults. */
export function planRun(command: readonly string[], options: RunCommandOptions): RunPlan {
  if (process.platform === "win32") {
    throw new CliError(EXIT.usage, "run needs POSIX process groups; use the SDK on Windows");
  }
  const ttlMs = options.ttl ?? DEFAULT_TTL_MS;
  const drainMs = options.drain ?? Math.min(DEFAULT_DRAIN_MS, Math.floor(ttlMs / 4));
  const graceMs = options.grace ?? 0;
  if (drainMs * 2 >= ttlMs) {
    // With more, one late renewal would already be a reason to stop the command.
    const bound = formatDuration(Math.floor((ttlMs - 1) / 2));
    throw new CliError(
      EXIT.usage,
      `--drain ${formatDuration(drainMs)} is not below half of the TTL, ${formatDuration(ttlMs)}; ` +
        `give at most ${bound}, or a longer --ttl`,
    );
  }
  if (graceMs !== 0 && (graceMs < GRACE_MIN_MS || graceMs > ttlMs)) {
    const bounds = `${formatDuration(GRACE_MIN_MS)} to the TTL, ${formatDuration(ttlMs)}`;
    throw new CliError(EXIT.usage, `--grace is ${bounds}, or 0s for off`);
  }
  const candidate = options.candidate ?? drawCandidateName();
  return { candidate, command, ttlMs, graceMs, drainMs, isOnce: options.once === true };
}

const HELP = `
The command gets CONCLAVE_TERM, CONCLAVE_ELECTION and CONCLAVE_CANDIDATE. When the office is lost
its process group gets SIGTERM, and SIGKILL when the drain is over, never later than the end of
the lease; a small guard process sees to that even when this one is stopped or killed. The office
is resigned only after nothing of the group runs. A program that leaves its process group (a
daemon) is out of reach: run it in the foreground. With --grace, a connection that is lost leaves
the command no more than the grace: unless the drain is shorter, SIGTERM follows at once. Give
CONCLAVE_TERM to whatever the command writes to, if that can refuse a lower term: no timer
protects against a machine that is paused as a whole.

Exit code: the command's own, 128 + n where signal n ended it. SIGINT and SIGTERM are passed on; a
second one kills.

Example:
  conclave run nightly --ttl 3s --grace 500ms -- sh -c 'echo term $CONCLAVE_TERM; exec ./worker'`;
