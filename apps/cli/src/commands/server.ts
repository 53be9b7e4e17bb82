// SPDX-License-Identifier: Apache-2.0
/** `server`: the daemon, in this process. Its flags are its own; none is known here. */

import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";

/** Adds the command to the program; everything after its name goes to the daemon, `--help` too. */
export function addServerCommand(program: Command, context: CliContext): void {
  program
    .command("server")
    .description("Run a node of a cluster.")
    .usage("[options]")
    .argument("[options...]")
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (flags: readonly string[]) => {
      const { runServer } = await import("@conclave/daemon");
      context.exitCode = await runServer(flags, context.env);
    });
}
