// SPDX-License-Identifier: Apache-2.0
/** How much of an entry commands take: an estimate from above, by which entries and queues are bounded. */

import type { Command, DialectOperation } from "@conclave/fsm";

/** All single numbers of a command, and what frames its texts. */
const FIXED_BYTES = 128;
/** A number of 64 bits and its tag. */
const NUMBER_BYTES = 11;

/**
 * Of what validation lets through. Only the sizing of entries, queues and calls depends on it.
 * Characters count as three bytes, so that nobody has to look at each.
 */
export function estimateBytes(commands: readonly Command[]): number {
  let bytes = 0;
  for (const command of commands) {
    bytes += FIXED_BYTES;
    if ("operation" in command) bytes += operationBytes(command.operation);
    if ("candidate" in command) bytes += textBytes(command.candidate);
    if ("metadata" in command) bytes += metadataBytes(command.metadata);
    if ("key" in command) bytes += textBytes(command.key.name) + textBytes(command.key.namespace);
    if ("options" in command) {
      bytes += textBytes(command.options.reason) + textBytes(command.options.requestId);
    }
    if ("labels" in command) bytes += metadataBytes(command.labels);
    if ("principal" in command) bytes += textBytes(command.principal);
    if ("sessions" in command) bytes += 2 * NUMBER_BYTES * command.sessions.length;
    if ("streams" in command) bytes += 3 * NUMBER_BYTES * command.streams.length;
    if ("open" in command) bytes += NUMBER_BYTES * command.open.length;
    if ("address" in command) bytes += textBytes(command.address);
    for (const { address } of "members" in command ? command.members : []) {
      bytes += 3 * NUMBER_BYTES + textBytes(address);
    }
  }
  return bytes;
}

function operationBytes(operation: DialectOperation): number {
  const { name, namespace } = operation.key;
  let bytes = textBytes(name) + textBytes(namespace);
  if ("candidate" in operation) bytes += textBytes(operation.candidate);
  if (operation.kind !== "restore") return bytes;
  bytes += textBytes(operation.leader);
  for (const { candidate } of operation.participants) {
    bytes += 3 * NUMBER_BYTES + textBytes(candidate);
  }
  return bytes;
}

function metadataBytes(metadata: ReadonlyMap<string, string>): number {
  let bytes = 0;
  for (const [key, value] of metadata) bytes += NUMBER_BYTES + textBytes(key) + textBytes(value);
  return bytes;
}

function textBytes(text = ""): number {
  return 3 * text.length;
}
