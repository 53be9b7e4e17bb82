// SPDX-License-Identifier: Apache-2.0
/** Many who watch one election, in the ways that there are, and when each of them has heard of a change. */

import { ElectionService } from "@conclave/api";
import { connect } from "@conclave/client";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { createDeferred } from "./deferred.ts";
import type { EtcdCluster } from "./etcd/cluster.ts";

export interface Watchers {
  /**
   * Makes a change and resolves with the delays of all who watch, in milliseconds.
   *
   * @throws when not all of them have heard of it within a minute.
   */
  hear(change: () => Promise<void>): Promise<readonly number[]>;
  close(): Promise<void>;
}

const BOUND_MS = 60_000;
const STREAMS_PER_CONNECTION = 100;

/** Spread evenly over the connections, and those over the nodes. */
export async function watchOverConnections(
  urls: readonly string[],
  election: string,
  watches: number,
  connections: number,
): Promise<Watchers> {
  const ears = createEars(watches);
  const clients = await Promise.all(
    Array.from({ length: connections }, (_, i) => connect({ endpoints: [urlOf(urls, i)] })),
  );
  const watch = async (number: number): Promise<void> => {
    const client = clients[number % connections];
    for await (const { type } of client?.election(election).watch() ?? []) {
      if (type === "snapshot") ears.isReady();
      if (type === "metadata") ears.hasHeard();
    }
  };
  for (let i = 0; i < watches; i++) void watch(i).catch(ears.failed);
  await ears.allReady;
  return {
    hear: ears.hear,
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

/** Each a call of its own, a hundred of them on a connection. */
export async function watchOverStreams(
  urls: readonly string[],
  election: string,
  streams: number,
): Promise<Watchers> {
  const ears = createEars(streams);
  const managers = Array.from(
    { length: Math.ceil(streams / STREAMS_PER_CONNECTION) },
    (_, i) => new Http2SessionManager(urlOf(urls, i)),
  );
  const clients = managers.map((sessionManager, i) =>
    createClient(
      ElectionService,
      createConnectTransport({ baseUrl: urlOf(urls, i), httpVersion: "2", sessionManager }),
    ),
  );
  let isClosed = false;
  const watch = async (number: number): Promise<void> => {
    const client = clients[number % clients.length];
    for await (const { event } of client?.watch({ elections: [{ name: election }] }) ?? []) {
      if (event.case === "snapshotEnd") ears.isReady();
      if (event.case === "change") ears.hasHeard();
    }
  };
  for (let i = 0; i < streams; i++) {
    void watch(i).catch((error: unknown) => {
      if (!isClosed) ears.failed(error);
    });
  }
  await ears.allReady;
  return {
    hear: ears.hear,
    close: async () => {
      isClosed = true;
      for (const manager of managers) manager.abort();
    },
  };
}

/** Observers of etcd's, over one connection to each member. */
export async function observeEtcd(
  { client }: EtcdCluster,
  election: string,
  observers: number,
): Promise<Watchers> {
  const ears = createEars(observers);
  const ends = Array.from({ length: observers }, (_, i) => {
    let isNew = true;
    return client.observe(i, election, () => {
      if (isNew) ears.isReady();
      else ears.hasHeard();
      isNew = false;
    });
  });
  await ears.allReady;
  return {
    hear: ears.hear,
    close: async () => {
      for (const end of ends) end();
    },
  };
}

function createEars(number: number) {
  let ready = 0;
  let delays: number[] = [];
  let beganMs = 0;
  const everybody = createDeferred();
  let change = createDeferred();
  return {
    allReady: within(everybody.promise, () => `${ready} of ${number} watch`),
    isReady: () => {
      ready++;
      if (ready === number) everybody.resolve();
    },
    hasHeard: () => {
      delays.push(performance.now() - beganMs);
      if (delays.length === number) change.resolve();
    },
    failed: (error: unknown) => {
      everybody.reject(error);
      change.reject(error);
    },
    async hear(make: () => Promise<void>) {
      delays = [];
      change = createDeferred();
      beganMs = performance.now();
      await make();
      await within(change.promise, () => `${delays.length} of ${number} have heard of the change`);
      return delays;
    },
  };
}

async function within(promise: Promise<void>, seen: () => string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`after ${BOUND_MS} ms ${seen()}`)), BOUND_MS);
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function urlOf(urls: readonly string[], position: number): string {
  return urls[position % urls.length] ?? "";
}
