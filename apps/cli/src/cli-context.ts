// SPDX-License-Identifier: Apache-2.0
/** What a command is given of the world, so that it can be run in memory as well as in a terminal. */

import type { Colors } from "./output/colors.ts";
import type { Stops } from "./stops.ts";

export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where relative paths, `.conclave/endpoints` among them, begin. */
  readonly cwd: string;
  /** Writes a line of output to stdout. */
  readonly print: (line: string) => void;
  /** Writes a line about what happens to stderr, led by the command's name. */
  readonly say: (line: string) => void;
  /** On only where stdout is a terminal and nobody has asked for none. */
  readonly colors: Colors;
  readonly stops: Stops;
  /** The endpoints in use, for the advice that goes with a failure. */
  endpoints: readonly string[];
  /** What the process exits with when nothing throws. */
  exitCode: number;
}
