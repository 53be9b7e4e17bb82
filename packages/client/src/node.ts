// SPDX-License-Identifier: Apache-2.0
/** The client's runtime in Node: its clocks, its chance, its turn of the loop, and HTTP/2. */

import { randomBytes } from "node:crypto";
import { hostname, uptime } from "node:os";
import { type Clock, createPrng } from "@conclave/base";
import { createClient } from "./client.ts";
import type { Client, ConnectOptions } from "./election.ts";
import type { Link, Runtime } from "./link.ts";
import { createNodeLink } from "./node-link.ts";

/**
 * Connects to a cluster: resolves when the first endpoint has answered.
 *
 * An endpoint that does not answer is passed over; later outages are ridden out, whatever their
 * length, and show as `client.state`.
 *
 * @throws ElectionError TIMEOUT when no endpoint answered within `timeoutMs`; INVALID for options
 *   out of their bounds; ABORTED when `signal` was.
 */
export function connect(options: ConnectOptions): Promise<Client> {
  return createClient(nodeRuntime(options), options);
}

/**
 * Connects as `connect` does, but dials what `route` makes of each node's URL, of those that the
 * cluster names too. For proxies that tests put between this client and the nodes.
 */
export function connectBy(
  route: (endpoint: string) => string,
  options: ConnectOptions,
): Promise<Client> {
  const runtime = nodeRuntime(options);
  const { link } = runtime;
  const routed: Link = {
    attach: (endpoint, listener) => link.attach(route(endpoint), listener),
    close: () => link.close(),
  };
  return createClient({ ...runtime, link: routed }, options);
}

function nodeRuntime(options: ConnectOptions): Runtime {
  return {
    link: createNodeLink(options.token),
    clock: systemClock,
    // Linux and macOS stop the monotonic clock while the machine sleeps; the time since boot goes on.
    suspendClock: { uptimeMs: () => uptime() * 1000 },
    prng: createPrng(randomBytes(8).readBigUInt64BE()),
    defer: (run) => void setImmediate(run),
    drawSessionId,
    processName: `${hostname()}-${process.pid}`,
  };
}

const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(delayMs, fire) {
    // Node fires at once what is due later than this; who waits for it asks the clock again.
    const timer = setTimeout(fire, Math.min(delayMs, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};

function drawSessionId(): bigint {
  const id = randomBytes(8).readBigUInt64BE();
  return id === 0n ? drawSessionId() : id;
}
