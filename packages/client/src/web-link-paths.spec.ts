// SPDX-License-Identifier: Apache-2.0
/** What stands between a page and a node: proxies that hold back, tokens, origins, dead paths. */
import type { ListenRequest } from "@conclave/api";
import { afterEach, expect, test } from "vitest";
import type { MemoryFetch } from "./memory/memory-fetch.ts";
import { nameOn } from "./memory/memory-world.ts";
import { createWebWorld } from "./web-link-world.ts";

const listens = (network: MemoryFetch) => network.calls.filter(({ name }) => name === "Listen");
const isPoll = (request: unknown): boolean => (request as ListenRequest).poll !== undefined;

afterEach(() => {
  Reflect.deleteProperty(globalThis, "location");
});

test("where streams are held back the page polls, says so once, and misses nothing", async () => {
  const world = createWebWorld();
  const holds = (network: MemoryFetch): void => {
    network.isBuffering = true;
  };
  const [a, b] = [await world.open({ prepare: holds }), await world.open()];
  const seen: string[] = [];
  const watch = async (): Promise<void> => {
    for await (const change of a.client.election("orders").watch()) {
      if (change.type === "elected") seen.push(change.view.leader?.id ?? "");
    }
  };
  watch().catch(() => {});
  const first = a.client.election("orders").campaign({ candidate: "a" });
  await world.advance(5_000);
  const second = b.client.election("orders").campaign({ candidate: "b" });
  await world.advance(60_000);
  expect(String((await first).assertHeld())).toBe("orders#1");
  const polls = listens(a.network).filter(({ request }) => isPoll(request)).length;

  world.server.move("anoint", "orders", "b");
  await world.advance(500);

  expect((await first).signal.aborted).toBe(true);
  expect(String((await second).assertHeld())).toBe("orders#2");
  expect(seen).toEqual(["a", "b"]);
  expect(a.warnings).toHaveLength(1);
  expect(a.warnings[0]).toContain("http://node-1");
  // One in ten seconds, and those that told of something.
  expect(polls).toBeLessThan(20);
  expect(a.network.openCount).toBe(1);
});

test("a candidate that is evicted between two polls hears of it", async () => {
  for (let delay = 0; delay <= 140; delay += 20) {
    const world = createWebWorld();
    const page = await world.open({
      prepare: (network) => {
        network.isBuffering = true;
      },
    });
    const other = await world.open();
    void other.client.election("orders").campaign({ candidate: "b", ttlMs: 60_000 });
    await world.advance(500);
    const campaign = page.client.election("orders").campaign({ candidate: "a", ttlMs: 60_000 });
    campaign.catch(() => {});
    void page.client.election("else").watch()[Symbol.asyncIterator]().next();
    await world.advance(5_000);

    // News, which ends the poll that is under way.
    void other.client.election("else").campaign({ candidate: "b", ttlMs: 60_000 });
    await world.advance(delay);
    world.server.move("evict", "orders", "a");
    await world.advance(12_000);

    await expect(Promise.race([campaign, "still waiting"])).rejects.toMatchObject({
      outcome: "not-applied",
    });
  }
});

test("where streams are held back since a while who joins is heard all the same, and no office is lost", async () => {
  const world = createWebWorld();
  const { client, network, warnings } = await world.open();
  const campaign = client.election("orders").campaign({ ttlMs: 10_000 });
  await world.advance(1_000);
  network.isBuffering = true;

  const seen: string[] = [];
  const watch = async (): Promise<void> => {
    for await (const { type } of client.election("else").watch()) seen.push(type);
  };
  watch().catch(() => {});
  await world.advance(12_000);

  expect(seen).toContain("snapshot");
  expect(warnings).toHaveLength(1);
  expect(String((await campaign).assertHeld())).toBe("orders#1");
});

test("where a slow path holds streams back the page connects all the same before its time is up", async () => {
  const world = createWebWorld();
  const { connected } = world.page({
    prepare: (network) => {
      network.isBuffering = true;
      network.latencyMs = 500;
    },
  });

  await world.advance(5_000);

  expect((await connected).state).toBe("connected");
});

test("a path that holds nothing back any more is found out at the first dial after five minutes", async () => {
  const world = createWebWorld();
  const { network } = await world.open({
    prepare: (held) => {
      held.isBuffering = true;
    },
  });
  await world.advance(10_000);
  network.isBuffering = false;
  const dialAgain = async (): Promise<boolean> => {
    const from = network.calls.length;
    network.cut();
    network.heal();
    await world.advance(5_000);
    return listens(network).some(
      (call, _, all) =>
        !isPoll(call.request) && all.indexOf(call) >= 0 && network.calls.indexOf(call) >= from,
    );
  };

  expect(await dialAgain()).toBe(false);
  await world.advance(5 * 60_000);
  expect(await dialAgain()).toBe(true);
  expect(network.openCount).toBe(1);
});

test("a slow node is not taken for a path that holds streams back", async () => {
  const world = createWebWorld();
  const { connected, network, warnings } = world.page({
    prepare: (slow) => {
      slow.latencyMs = 900;
    },
  });
  await world.advance(10_000);

  await connected;
  expect(warnings).toEqual([]);
  await world.advance(20_000);
  expect(isPoll(listens(network).at(-1)?.request)).toBe(false);
  expect(network.openCount).toBe(1);
});

test("a page of an origin that no endpoint allows is told so at once, and how to allow it", async () => {
  comeFromElsewhere();
  const world = createWebWorld({ nodeCount: 3 });
  const { connected, network } = world.page({ timeoutMs: 60_000, prepare: refuseOrigin });
  await world.advance(1_000);

  const error = await Promise.race([connected, world.settle()]).catch((error: unknown) => error);
  expect(error).toMatchObject({
    code: "DENIED",
    message: expect.stringContaining("--cors-origin https://shop.example.org"),
  });
  const asked = network.calls.length;
  await world.advance(10_000);
  expect(network.calls.length).toBe(asked);
});

test("an endpoint that does not answer may allow what the others refuse, and is waited for", async () => {
  comeFromElsewhere();
  const world = createWebWorld({ nodeCount: 3 });
  world.server.setNode(2, "refusing");
  const { connected, network } = world.page({ timeoutMs: 20_000, prepare: refuseOrigin });
  await world.advance(10_000);
  expect(await Promise.race([connected, world.settle()])).toBe(undefined);

  world.server.setNode(2, "up");
  network.isForeign = false;
  await world.advance(5_000);

  expect((await connected).state).toBe("connected");
});

test("where some endpoints refuse a page, and nothing is heard of the others, it is told of the refusal", async () => {
  for (let silent = 1; silent <= 3; silent++) {
    comeFromElsewhere();
    const world = createWebWorld({ nodeCount: 3 });
    world.server.setNode(silent, "refusing");
    const { connected } = world.page({ timeoutMs: 4_000, prepare: refuseOrigin });
    await world.advance(4_100);

    await expect(connected).rejects.toMatchObject({ code: "DENIED" });
  }
});

test("a first call that is lost on its way is no matter of origins where the next one arrives", async () => {
  comeFromElsewhere();
  const world = createWebWorld();
  const { connected, network } = world.page({
    prepare: (changing) => {
      const { fetch } = changing;
      let calls = 0;
      const losesTheFirst: typeof fetch = async (...args) => {
        calls += 1;
        if (calls === 1) throw new TypeError("network changed");
        return fetch(...args);
      };
      Object.assign(changing, { fetch: losesTheFirst });
    },
  });
  await world.advance(4_000);

  expect((await connected).state).toBe("connected");
  expect(network.calls[0]?.name).toBe("/healthz");
});

test("a node that is not there is no matter of origins", async () => {
  comeFromElsewhere();
  const world = createWebWorld();
  const { connected } = world.page({ timeoutMs: 4_000, prepare: (dead) => dead.cut() });
  await world.advance(4_100);

  await expect(connected).rejects.toMatchObject({ code: "TIMEOUT" });
});

test("a token is asked for before each dial, and before calls when the last one is older than 30 s", async () => {
  const world = createWebWorld();
  const askedAtMs: number[] = [];
  const { client, network } = await world.open({
    token: async () => {
      askedAtMs.push(world.clock.monotonicMs());
      return `t${askedAtMs.length}`;
    },
  });
  expect(askedAtMs).toHaveLength(1);

  // On two partitions, which are renewed together.
  for (const name of [nameOn(1), nameOn(2)]) void client.election(name).campaign();
  await world.advance(100_000);

  const gaps = askedAtMs.slice(1).map((ms, n) => ms - (askedAtMs[n] ?? 0));
  expect(Math.max(...gaps)).toBeLessThan(33_000);
  expect(askedAtMs.length).toBeLessThan(8);
  for (const { name, authorization } of network.calls)
    if (name !== "/healthz") expect(authorization).toMatch(/^Bearer t/);
});

test("a token that is not to be had is a failed dial, and the next dial asks for another one", async () => {
  const world = createWebWorld();
  let asked = 0;
  const { connected, network } = world.page({
    token: async () => {
      asked += 1;
      if (asked < 4) throw new Error("not signed in");
      return "t";
    },
  });

  await world.advance(2_500);
  expect(network.calls).toEqual([]);
  await world.advance(7_000);

  await connected;
  expect(asked).toBe(4);
});

test("a path that has died without a word is given up, and a watch goes on over another stream", async () => {
  const world = createWebWorld();
  const { client, network } = await world.open();
  const live: boolean[] = [];
  const watch = async (): Promise<void> => {
    for await (const change of client.election("orders").watch()) {
      if (change.type === "contact") live.push(change.live);
    }
  };
  watch().catch(() => {});
  await world.advance(15_000);

  network.isMute = true;
  await world.advance(30_000);

  expect(live[0]).toBe(false);
  network.isMute = false;
  await world.advance(20_000);
  expect(live.at(-1)).toBe(true);
});

function comeFromElsewhere(): void {
  Object.defineProperty(globalThis, "location", {
    value: { origin: "https://shop.example.org" },
    configurable: true,
  });
}

function refuseOrigin(network: MemoryFetch): void {
  network.isForeign = true;
}
