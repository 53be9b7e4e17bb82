// SPDX-License-Identifier: Apache-2.0
/** Clients whose nodes fall silent, without any connection that ends. */
import { expect, test } from "vitest";
import { createWorld, nameOn, type World } from "./memory/memory-world.ts";

test("an operator's command that a node swallows is sent to another one, under the same id", async () => {
  const world = createWorld({ nodeCount: 3 });
  const { client, sent } = await world.start();
  const held = client.election(nameOn(1)).campaign();
  await world.advance(100);
  await held;

  world.server.setNode(1, "silent");
  const removing = client.election(nameOn(1)).admin.delete();
  const tookMs = await timeOf(world, removing);

  expect(tookMs).toBeLessThan(3_000);
  const ids = sent.flatMap(({ frame }) =>
    frame.commands.flatMap(({ command }) =>
      command.case === "delete" ? [command.value.options?.requestId] : [],
    ),
  );
  expect(ids.length).toBeGreaterThan(1);
  expect(new Set(ids).size).toBe(1);
});

test("a node that answers everything, late and rarely asked, is never left", async () => {
  const world = createWorld({ nodeCount: 3 });
  const { client, sent } = await world.start();
  for (const node of [1, 2, 3]) world.server.nodes.setLag(node, 200);
  const greetings = (): number => sent.filter(({ frame }) => frame.hello !== undefined).length;
  await Promise.all([
    client
      .election(nameOn(1))
      .get()
      .catch(() => {}),
    world.advance(500),
  ]);

  const before = greetings();
  for (let waitMs = 1_000; waitMs < 2_000; waitMs += 50) {
    const reading = client.election(nameOn(1)).get();
    await Promise.all([reading.catch(() => {}), world.advance(waitMs)]);
  }

  expect(greetings()).toBe(before);
});

test("a resignation waits for no longer than ten seconds, whatever the lease, when nobody answers", async () => {
  const world = createWorld();
  const { client, network } = await world.start();
  const campaigning = client.election(nameOn(1)).campaign({ ttlMs: 3_600_000 });
  await world.advance(100);
  const leadership = await campaigning;

  network.cut();
  const closing = client.close();

  expect(await timeOf(world, closing)).toBeLessThan(12_000);
  expect(() => leadership.assertHeld()).toThrow(/closed/);
});

async function timeOf(world: World, promise: Promise<unknown>): Promise<number> {
  let isOver = false;
  void promise.then(() => {
    isOver = true;
  });
  let ms = 0;
  for (; !isOver && ms < 20_000; ms += 50) await world.advance(50);
  return ms;
}
