// SPDX-License-Identifier: Apache-2.0
/** What a person reads, and a program sees as the exit code, when a server cannot start. */

import type { NodeFailure, NodeFailureReason } from "@conclave/server/node";
import type { ServerConfig } from "./config.ts";

/** A wrong option, or one that this machine or the other members cannot follow. */
export const EXIT_USAGE = 2;
const EXIT_DISK = 13;

/** Design section 6. A disk that gives out later ends a server as one that did at the start. */
export const EXIT_CODES: Readonly<Record<NodeFailureReason, number>> = {
  "not-bindable": EXIT_USAGE,
  misplaced: EXIT_USAGE,
  "address-in-use": 10,
  locked: 11,
  foreign: 12,
  older: 12,
  newer: 12,
  "not-writable": EXIT_DISK,
  "no-space": EXIT_DISK,
  damaged: 14,
  refused: EXIT_USAGE,
};

/** One line: what is wrong, and what to do next. */
export function describeFailure(failure: NodeFailure, config: ServerConfig): string {
  const { reason, detail } = failure;
  const address = `${config.host}:${config.port}`;
  const directory = `data directory ${config.dataDirectory}`;
  const lines: Readonly<Record<NodeFailureReason, string>> = {
    "address-in-use": `${address} is in use by another process; stop it or choose another --listen`,
    "not-bindable": `cannot listen on ${address}: ${detail}`,
    misplaced: `${address} is not where this node belongs: ${detail}`,
    locked: `${directory} is in use by another process; stop it or choose another --data-dir`,
    foreign: `${directory} is another node's or cluster's: ${detail}`,
    older: `${directory} cannot be read: ${detail}`,
    newer: `${directory} was written by a newer version; start that one: ${detail}`,
    "not-writable": `${directory} cannot be written: ${detail}`,
    "no-space": `${directory} has no room left: ${detail}`,
    damaged: `${directory} is damaged and was left as it is: ${detail}`,
    refused: `the cluster does not take this node: ${detail}`,
  };
  return lines[reason].replaceAll("\n", " ");
}
