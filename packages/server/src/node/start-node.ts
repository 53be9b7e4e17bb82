// SPDX-License-Identifier: Apache-2.0
/**
 * Starts a node: takes its directory, opens its port, settles who it is, and lets it serve.
 *
 * Whatever keeps a node from starting is a value.
 */

import { differenceOf, firstIdentity, type NodeIdentity, type WantedIdentity } from "./identity.ts";
import { type FoundIdentity, type IdentityFile, openIdentity } from "./identity-file.ts";
import { failure, type NodeFailure, type NodeOptions, type StartedNode } from "./node-options.ts";
import { RunningNode } from "./running-node.ts";
import { drawNonce } from "./system-clock.ts";

const STOP_GRACE_MS = 10_000;

/**
 * Starts a node and resolves when its port accepts calls, leaders or not. A first start with others
 * goes on behind it, until all of them have answered.
 */
export async function startNode(options: NodeOptions): Promise<StartedNode | NodeFailure> {
  const file = await openIdentity(options.dataDirectory);
  if (file.kind === "fault") return failure(file.reason, file.detail);
  const running = new RunningNode(options, file);
  const fault = (await running.open()) ?? (await settle(options, file, running));
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

async function settle(
  options: NodeOptions,
  file: IdentityFile,
  running: RunningNode,
): Promise<NodeFailure | undefined> {
  const identity = identityOf(options, file.found);
  if ("kind" in identity) return identity;
  if (file.found.kind === "none") {
    const fault = await file.save(identity);
    if (fault !== undefined) return failure(fault.reason, fault.detail);
  }
  return running.begin(identity);
}

function identityOf(options: NodeOptions, found: FoundIdentity): NodeIdentity | NodeFailure {
  const wanted: WantedIdentity = { ...options, token: options.clusterToken };
  switch (found.kind) {
    case "none":
      return firstIdentity(wanted, { nonce: drawNonce() });
    case "found": {
      const difference = differenceOf(found.identity, wanted);
      return difference === undefined ? found.identity : failure("foreign", difference);
    }
    case "older":
    case "newer":
    case "damaged":
      return failure(found.kind, found.detail);
  }
}
