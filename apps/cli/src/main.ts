// SPDX-License-Identifier: Apache-2.0
/** The process: its streams, its signals, its exit. What it does is in program.ts. */

import type { CliContext } from "./cli-context.ts";
import { createColors } from "./output/colors.ts";
import { runProgram } from "./program.ts";
import { processStops } from "./stops.ts";

const { stdout, stderr, env } = process;

const context: CliContext = {
  env,
  cwd: process.cwd(),
  print: (line) => stdout.write(`${line}\n`),
  say: (line) => stderr.write(`conclave: ${line}\n`),
  // NO_COLOR is a convention between tools and not a setting of ours.
  colors: createColors(stdout.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb"),
  stops: processStops,
  endpoints: [],
  exitCode: 0,
};

// A reader that has seen enough (`conclave watch orders | head -1`) is no error. Commands that hold
// an office or a stream take it as a wish to end, and clean up.
stdout.on("error", (error) => {
  if (!("code" in error) || error.code !== "EPIPE") throw error;
  if (process.listenerCount("SIGTERM") > 0) process.kill(process.pid, "SIGTERM");
  else process.exit(0);
});
// A log that nobody reads must not end a command that runs.
stderr.on("error", () => {});

process.exit(await runProgram(process.argv.slice(2), context));
