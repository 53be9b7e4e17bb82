// SPDX-License-Identifier: Apache-2.0
import { type Clock, createManualClock } from "@conclave/base";
import { expect, test } from "vitest";
import type { Client } from "./election.ts";
import type { Leadership } from "./leadership.ts";
import type { MemoryFetch } from "./memory/memory-fetch.ts";
import { Starvation } from "./web-link-starvation.ts";
import { createWebWorld } from "./web-link-world.ts";

/** What a browser opens to one host over HTTP/1.1, for all its tabs. */
const CONNECTIONS = 6;

test("more tabs than a browser has connections elect one leader, which keeps its office", async () => {
  const world = createWebWorld();
  const browser = new Browser();
  const tabs: ReturnType<typeof world.page>[] = [];
  const held: Leadership[] = [];
  for (let i = 0; i < 8; i++) {
    const tab = world.page({ prepare: (network) => browser.limit(network), timeoutMs: 60_000 });
    tabs.push(tab);
    const stand = async (): Promise<void> => {
      const orders = (await tab.connected).election("orders");
      held.push(await orders.campaign({ candidate: `tab-${i}`, ttlMs: 5_000 }));
    };
    stand().catch(() => {});
    await world.advance(500);
  }
  await world.advance(20_000);
  const clients = await Promise.all(tabs.map(({ connected }) => connected));
  await world.advance(60_000);

  expect(held.map((leadership) => String(leadership.assertHeld()))).toEqual(["orders#1"]);
  const view = clients[0]!.election("orders").get();
  await world.advance(3_000);
  expect((await view).queue).toHaveLength(7);
  expect(tabs.flatMap(({ warnings }) => warnings).join()).toContain("HTTP/1.1");
  await Promise.all([...clients.map((client) => client.close()), world.advance(3_000)]);
});

test("tabs that only watch leave a connection to whoever comes after them, and go on watching", async () => {
  const world = createWebWorld();
  const browser = new Browser();
  const open = (): ReturnType<typeof world.page> =>
    world.page({ prepare: (network) => browser.limit(network) });
  const seen: string[][] = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    const tab = open();
    await world.advance(300);
    seen.push(terms(await tab.connected));
  }
  await world.advance(300);
  expect(browser.busy).toBe(CONNECTIONS);

  const late = open();
  await world.advance(5_500);

  const campaign = (await late.connected).election("orders").campaign();
  await world.advance(5_000);
  expect(String((await campaign).assertHeld())).toBe("orders#1");
  // Those that gave way try streams again after a minute, and so crowd the next one.
  await world.advance(60_000);
  const latest = open();
  await world.advance(5_500);

  expect((await latest.connected).state).toBe("connected");
  expect(seen).toEqual(Array.from({ length: CONNECTIONS }, () => ["orders#1"]));
});

test("a tab that only watches asks once in three and a half seconds whether calls get through, and reads the answer", async () => {
  const world = createWebWorld();
  const probes: Response[] = [];
  const { client, network, warnings } = await world.open({
    prepare: (network) => {
      const { fetch } = network;
      const answersInFull: typeof fetch = async (...args) => {
        const response = await fetch(...args);
        if (!String(args[0]).endsWith("/healthz")) return response;
        return probes[probes.push(new Response("ok")) - 1] ?? response;
      };
      Object.assign(network, { fetch: answersInFull });
    },
  });
  terms(client);
  await world.advance(1_000);
  const from = network.calls.length;

  await world.advance(35_000);

  const asked = network.calls.slice(from).map(({ name }) => name);
  expect(asked).toEqual(Array.from({ length: 10 }, () => "/healthz"));
  expect(warnings).toEqual([]);
  expect(probes.map(({ bodyUsed }) => bodyUsed)).toEqual(asked.map(() => true));
});

test("a tab whose thread hung while it asked reads the answer before it takes its calls for starved", async () => {
  const clock = createManualClock();
  let lateMs = 0;
  const late: Clock = { ...clock, monotonicMs: () => clock.monotonicMs() + lateMs };
  let answer = (): void => {};
  let starved = 0;
  const starvation = new Starvation("http://node-1", late, {
    starved: () => {
      starved += 1;
    },
    probe: () => new Promise<void>((resolve) => (answer = resolve)),
  });
  starvation.keepAsking();
  clock.advance(2_000);

  lateMs = 1_000;
  clock.advance(1_500);
  answer();
  await Promise.resolve();
  clock.advance(1_500);

  expect(starved).toBe(0);
  starvation.reset();
  expect(clock.pendingTimers).toBe(0);
});

/** What a watch of orders sees. */
function terms(client: Client): string[] {
  const seen: string[] = [];
  const watch = async (): Promise<void> => {
    for await (const change of client.election("orders").watch()) {
      if (change.type === "elected") seen.push(`orders#${change.view.term}`);
    }
  };
  watch().catch(() => {});
  return seen;
}

/** Gives connections to all its tabs' calls in turn. */
class Browser {
  busy = 0;
  readonly #waiting: (() => void)[] = [];

  limit(network: MemoryFetch): void {
    const { fetch } = network;
    const limited: typeof fetch = async (input, init) => {
      await this.#connection(init?.signal ?? undefined);
      let isOver = false;
      const over = (): void => {
        if (!isOver) this.#release();
        isOver = true;
        init?.signal?.removeEventListener("abort", over);
      };
      init?.signal?.addEventListener("abort", over);
      try {
        const response = await fetch(input, init);
        return new Response(watched(response.body, over), response);
      } catch (error) {
        over();
        throw error;
      }
    };
    Object.assign(network, { fetch: limited });
  }

  async #connection(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.busy < CONNECTIONS) {
      this.busy += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const go = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        reject(signal?.reason);
      };
      this.#waiting.push(go);
      signal?.addEventListener("abort", leave);
    });
  }

  /** Whoever waits gets it. */
  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.busy -= 1;
    else next();
  }
}

/** The same bytes; tells when no more are wanted, or to be had. */
function watched(
  body: ReadableStream<Uint8Array> | null,
  over: () => void,
): ReadableStream<Uint8Array> | null {
  const reader = body?.getReader();
  if (reader === undefined) over();
  return reader === undefined
    ? null
    : new ReadableStream<Uint8Array>({
        async pull(controller) {
          const { done, value } = await reader.read().catch((error: unknown) => {
            over();
            throw error;
          });
          if (value !== undefined) controller.enqueue(value);
          if (!done) return;
          over();
          controller.close();
        },
        cancel(reason) {
          over();
          return reader.cancel(reason);
        },
      });
}
