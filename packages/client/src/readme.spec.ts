// SPDX-License-Identifier: Apache-2.0
/** The README's examples: compiled with the specs, run here, and the same in both places. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Client, ConnectOptions } from "./election.ts";
import type { Leadership } from "./leadership.ts";
import { createMemoryElections } from "./memory/memory-elections.ts";

test("the first example of the README serves, and stops when it is told to", async () => {
  const elections = createMemoryElections();
  const connect = (_: ConnectOptions): Promise<Client> => elections.connect();
  const controller = new AbortController();
  const { signal: stop } = controller;
  const shipped: bigint[] = [];
  const ship = async ({ fence }: { readonly fence: bigint }): Promise<void> => {
    shipped.push(fence);
    if (shipped.length === 3) controller.abort();
  };

  // README 1
  const client = await connect({ endpoints: ["http://127.0.0.1:7400"] });
  const orders = client.election("orders");

  await orders.serve(
    async (leadership) => {
      while (!leadership.signal.aborted) {
        // Throws when the office is not held for 500 ms more: right after a blocked loop, too.
        const fence = leadership.assertHeld(500);
        await ship({ fence: fence.term });
      }
    },
    { signal: stop },
  );
  // end

  expect(shipped).toEqual([1n, 1n, 1n]);
});

test("the second example of the README leads in the place of the tab that crashed", async () => {
  const elections = createMemoryElections();
  const name = "this browser";
  const crashed = await elections.connect();
  await crashed.election("orders").campaign({ candidate: name });
  elections.cut(crashed);
  const orders = (await elections.connect()).election("orders");
  const controller = new AbortController();
  const { signal: stop } = controller;
  const localStorage: Record<string, string> = { candidate: name };
  // The lock is free again.
  const request = <T>(_name: string, _: LockOptions, granted: () => T): T => granted();
  const navigator = { locks: { request } };
  const terms: bigint[] = [];
  const work = async ({ fence }: Leadership): Promise<void> => {
    terms.push(fence.term);
    controller.abort();
  };

  // README 2
  await navigator.locks.request("orders", { signal: stop }, () => {
    // The same for all tabs of this browser, and no other's.
    localStorage["candidate"] ??= crypto.randomUUID();
    const candidate = localStorage["candidate"];
    return orders.serve(work, { candidate, takeover: true, signal: stop });
  });
  // end

  expect(terms).toEqual([2n]);
});

test("the third example of the README sees the second process lead", async () => {
  // README 3
  const elections = createMemoryElections();
  const [a, b] = [await elections.connect(), await elections.connect()];
  const first = await a.election("orders").campaign({ ttlMs: 1_000 });
  const second = b.election("orders").campaign({ ttlMs: 1_000 });

  elections.cut(a);
  await elections.advance(2_000);

  expect(() => first.assertHeld()).toThrow();
  expect((await second).fence.term).toBe(2n);
  // end
});

test("the README shows the examples that are run here", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const source = readFileSync(new URL("./readme.spec.ts", import.meta.url), "utf8");
  const shown = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);

  const run = [...source.matchAll(/ {2}\/\/ README \d\n(.*?) {2}\/\/ end\n/gs)].map(([, code]) =>
    code?.replace(/^ {2}/gm, "").replace(/\n+$/, "\n"),
  );

  expect(shown).toEqual(run);
});
