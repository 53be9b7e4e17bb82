// SPDX-License-Identifier: Apache-2.0
/**
 * Starts a node: takes its directory, opens its port, settles who it is, and lets it serve.
 *
 * Whatever keeps a node from starting is a value.
 */

import { openIdentity } from "./identity-file.ts";
import { failure, type NodeFailure, type NodeOptions, type StartedNode } from "./node-options.ts";
import { peerTlsOf } from "./peer-address.ts";
import { createPeerDialer } from "./peer-dialer.ts";
import { placeOf } from "./place.ts";
import { RunningNode } from "./running-node.ts";
import { settle } from "./settle.ts";

const STOP_GRACE_MS = 10_000;

/**
 * Starts a node and resolves when its port accepts calls, leaders or not. A first start with others
 * goes on behind the port, until all of them have answered.
 */
export async function startNode(options: NodeOptions): Promise<StartedNode | NodeFailure> {
  const file = await openIdentity(options.dataDirectory);
  if (file.kind === "fault") return failure(file.reason, file.detail);
  const place = placeOf(options, file.found);
  if (place.kind === "failed") {
    await file.close();
    return place;
  }
  const running = new RunningNode({ ...options, address: place.address }, file);
  const introducer = createPeerDialer(peerTlsOf(options), options.route);
  const fault = (await running.open()) ?? (await settle(running, introducer));
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
