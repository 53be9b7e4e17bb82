// SPDX-License-Identifier: Apache-2.0
/**
 * Starts a node: takes its directory, opens its port, settles who it is, and lets it serve.
 *
 * Whatever keeps a node from starting is a value.
 */

import { openDirectory } from "../member/data-directory.ts";
import { failure } from "../member/member-failure.ts";
import { type ConsoleFiles, readConsoleFiles } from "./console-files.ts";
import { createFileDirectory } from "./file-directory.ts";
import type { NodeFailure, NodeOptions, StartedNode } from "./node-options.ts";
import { placeOf } from "./place.ts";
import { RunningNode } from "./running-node.ts";

const STOP_GRACE_MS = 10_000;

/**
 * Starts a node and resolves when its port accepts calls, leaders or not. A first start with others
 * goes on behind the port, until all of them have answered.
 */
export async function startNode(options: NodeOptions): Promise<StartedNode | NodeFailure> {
  const directory = await openDirectory(createFileDirectory(options.dataDirectory));
  if (directory.kind === "fault") return failure(directory.reason, directory.detail);
  const place = placeOf(options, directory.found);
  if (place.kind === "failed") {
    await directory.close();
    return place;
  }
  const consoleFiles = await consoleFilesOf(options);
  const placed = { ...options, address: place.address };
  const running = new RunningNode(placed, directory, consoleFiles);
  const fault = await running.start();
  if (fault !== undefined) {
    await running.stop(0);
    return fault;
  }
  return {
    kind: "started",
    url: running.url,
    failed: running.failed,
    stop: (graceMs = STOP_GRACE_MS) => running.stop(graceMs),
  };
}

/** A node whose console cannot be read is of use all the same. */
async function consoleFilesOf({ consoleDirectory, log }: NodeOptions): Promise<ConsoleFiles> {
  if (consoleDirectory === undefined) return new Map();
  try {
    return await readConsoleFiles(consoleDirectory);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log("warn", `no console is served: ${reason}`);
    return new Map();
  }
}
