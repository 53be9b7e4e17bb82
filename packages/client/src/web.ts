// SPDX-License-Identifier: Apache-2.0
/**
 * The client's runtime in a page, and in whatever else has no more than `fetch`: workers, other
 * servers' runtimes. What is not there (a document, a window) is done without.
 */

import { type Clock, createPrng } from "@conclave/base";
import { createClient } from "./client.ts";
import type { Client, ConnectOptions } from "./election.ts";
import type { Runtime } from "./link.ts";
import { createWebLink, type Online } from "./web-link.ts";
import { WebPageLife } from "./web-page-life.ts";
import { createWorkerAlarm, WebTimers } from "./web-timers.ts";

export interface WebConnectOptions extends ConnectOptions {
  /** How calls are written: for what stands between the page and the nodes. Default `connect`. */
  readonly protocol?: "connect" | "grpc-web";
}

/**
 * Connects to a cluster: resolves when the first endpoint has answered.
 *
 * An endpoint that does not answer is passed over; later outages are ridden out, whatever their
 * length, and show as `client.state`. The nodes have to allow pages of this origin.
 *
 * @throws ElectionError DENIED when every endpoint has answered that it lets this page not in, as where it
 *   allows no pages of this origin: at once, else after `timeoutMs`; TIMEOUT when no endpoint answered
 *   until then; INVALID for options out of their bounds; ABORTED when `signal` was.
 */
export function connect(options: WebConnectOptions): Promise<Client> {
  return createClient(webRuntime(options), options);
}

function webRuntime({ protocol = "connect", token }: WebConnectOptions): Runtime {
  const { document } = globalThis;
  const scope = typeof globalThis.addEventListener === "function" ? globalThis : undefined;
  const timers = new WebTimers({
    clock: ownClock,
    document,
    isHidden: () => document?.hidden === true && !page.isAway,
    createAlarm: createWorkerAlarm,
    woken: () => page.woken(),
  });
  const clock: Clock = {
    ...ownClock,
    setTimer: (delayMs, fire) => timers.setTimer(delayMs, fire),
  };
  const prng = createPrng(drawUint64());
  const link = createWebLink({
    protocol,
    token,
    // Looked up for each call, which is then one of the page's own, whoever has replaced it.
    fetch: (...args) => globalThis.fetch(...args),
    clock,
    prng: prng.child("link"),
    online: onlineOf(scope),
    timeout: (ms) => AbortSignal.timeout(ms),
    warn: (message) => console.warn(message),
  });
  const page = new WebPageLife({ scope, document, link, clock });
  return {
    link: {
      startsNoGrace: true,
      attach: (endpoint, listener) => link.attach(endpoint, listener),
      close: () => {
        link.close();
        timers.close();
      },
    },
    clock,
    // A page's monotonic clock may stand still while its machine sleeps. The wall clock does not, and
    // may be set: forward, it ends a belief too early; back, the monotonic clock counts.
    suspendClock: { uptimeMs: () => Date.now() },
    prng,
    defer: (run) => queueMicrotask(run),
    drawSessionId,
    processName: globalThis.location?.host || "web",
    page,
  };
}

const ownClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(delayMs, fire) {
    // What is due later than this would fire at once; who waits for it asks the clock again.
    const timer = setTimeout(fire, Math.min(delayMs, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};

function onlineOf(scope: EventTarget | undefined): Online {
  return {
    isOnline: () => globalThis.navigator?.onLine !== false,
    onOnline: (listener) => {
      scope?.addEventListener("online", listener);
      return () => scope?.removeEventListener("online", listener);
    },
  };
}

function drawSessionId(): bigint {
  const id = drawUint64();
  return id === 0n ? drawSessionId() : id;
}

/** From the platform's CSPRNG, by the one call that pages on plain HTTP have, too. */
function drawUint64(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n;
}
