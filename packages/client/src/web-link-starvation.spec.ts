// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { Leadership } from "./leadership.ts";
import type { MemoryFetch } from "./memory/memory-fetch.ts";
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
