// SPDX-License-Identifier: Apache-2.0
/** One client in several namespaces: nothing of one is taken for the other's. */
import { expect, test } from "vitest";
import { createWorld } from "./memory/memory-world.ts";

test("one candidate leads elections of one name in two namespaces at once, over one session", async () => {
  const world = createWorld();
  const { client, sessionIds } = await world.start();

  const here = await client.election("orders").campaign({ candidate: "a" });
  const there = await client.namespace("blue").election("orders").campaign({ candidate: "a" });

  expect(world.server.election("orders")?.list.map((c) => c.name)).toEqual(["a"]);
  expect(world.server.election("orders", "blue")?.list.map((c) => c.name)).toEqual(["a"]);
  expect([here, there].map((leadership) => String(leadership.assertHeld()))).toHaveLength(2);
  expect(sessionIds).toHaveLength(1);
});

test("what becomes of an election in one namespace is no news of its namesake in another", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const blue = client.namespace("blue").election("orders");
  const here = await client.election("orders").campaign({ candidate: "a" });
  const there = await blue.campaign({ candidate: "a" });

  await blue.admin.evict("a");
  await world.settle();

  expect(() => there.assertHeld()).toThrowError(expect.objectContaining({ code: "EVICTED" }));
  expect(String(here.assertHeld())).toBe("orders#1");
});

test("a namespace lists its own elections, under the client's default as under any other name", async () => {
  const world = createWorld();
  const { client } = await world.start({ namespace: "green" });
  await client.election("a").campaign();
  await client.namespace("blue").election("b").campaign();

  const named = async (namespace?: string): Promise<string[]> => {
    const elections = namespace === undefined ? client : client.namespace(namespace);
    const names: string[] = [];
    for await (const view of elections.list()) names.push(view.election);
    return names;
  };

  expect([await named(), await named("green"), await named("blue")]).toEqual([["a"], ["a"], ["b"]]);
  expect(await named("default")).toEqual([]);
});

test("a namespace without a name is refused at the door", async () => {
  const world = createWorld();
  const { client } = await world.start();

  expect(() => client.namespace("")).toThrowError(expect.objectContaining({ code: "INVALID" }));
});
