// SPDX-License-Identifier: Apache-2.0
/** A name for a candidate that was given none. */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

/**
 * Host, process and chance: readable, and never the same for two processes even where hosts share a
 * name, as containers on the host's network do.
 */
export function drawCandidateName(): string {
  return `${hostname()}-${process.pid}-${randomBytes(3).toString("hex")}`;
}
