// SPDX-License-Identifier: Apache-2.0
/** A watch that begins after a bare revision, as another process left it. */
import { expect, test } from "vitest";
import type { Client, Election } from "./election.ts";
import { createWorld, nameOn } from "./memory/memory-world.ts";
import type { Change, View } from "./view.ts";

test("from any revision on, every change comes with the view that a watch from the beginning had", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const orders = client.election("orders");
  const all = watchInto(orders);
  await world.settle();
  for (const candidate of ["a", "b", "c", "d"]) stand(client, candidate);
  await world.settle();
  await orders.admin.anoint("c");
  await orders.admin.promote("d");
  await orders.admin.demote("c");
  await orders.admin.evict("a");
  await orders.admin.delete();
  await world.advance(15_000);

  const changes = all.filter((change) => "view" in change);
  expect(changes).toHaveLength(10);
  for (const [i, seen] of changes.entries()) {
    const later = watchInto(orders, seen.view.revision);
    await world.settle();
    expect(later).toEqual(changes.slice(i + 1));
  }
});

test("an election that has not changed since is not shown, and its next change is whole", async () => {
  const world = createWorld({ partitionCount: 1 });
  const { client } = await world.start();
  const orders = client.election("orders");
  stand(client, "a");
  stand(client, "b");
  await world.settle();
  await client.election("others").campaign();

  const seen = watchInto(orders, 3n);
  await world.settle();
  expect(seen).toEqual([]);
  await orders.admin.anoint("b");
  await world.settle();

  expect(seen).toMatchObject([{ type: "elected", view: { leader: { id: "b" } } }]);
  expect(seen).toMatchObject([{ view: { queue: [{ id: "a" }] } }]);
});

test("a connection that is lost before the first change leaves what the changes apply to", async () => {
  const world = createWorld();
  const [a, b] = [await world.start(), await world.start()];
  stand(b.client, "x");
  stand(b.client, "y");
  await world.settle();
  const { revision } = await b.client.election("orders").get();
  const seen = watchInto(a.client.election("orders"), revision);
  await world.settle();

  a.network.cut();
  await b.client.election("orders").admin.anoint("y");
  await world.advance(500);
  a.network.heal();
  await world.advance(500);

  const shown = seen.filter((change) => "view" in change);
  expect(shown.map(({ view }) => listOf(view))).toEqual([["y", "x"]]);
});

test("after a revision that history does not reach back to, a gap is told once and then the state", async () => {
  const world = createWorld({ partitionCount: 1 });
  const { client } = await world.start();
  const orders = client.election("orders");
  const leadership = await orders.campaign({ candidate: "x" });
  for (let n = 0; n < 1_100; n++) await leadership.update({ n: String(n) });

  const seen = watchInto(orders, 2n);
  await world.settle();

  expect(seen.map(({ type }) => type)).toEqual(["gap", "snapshot"]);
});

test("after a revision that has never been reached, the watch ends with GAP", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const name = nameOn(2);
  await client.election(name).campaign();
  const drained = async (): Promise<void> => {
    for await (const _ of client.election(name).watch({ after: 99n }));
  };
  const watching = drained();
  watching.catch(() => {});
  await world.settle();

  await expect(watching).rejects.toMatchObject({ code: "GAP" });
});

function watchInto(election: Election, after?: bigint): Change[] {
  const seen: Change[] = [];
  void (async () => {
    const options = after === undefined ? {} : { after };
    for await (const change of election.watch(options)) seen.push(change);
  })();
  return seen;
}

const listOf = ({ leader, queue }: View): string[] =>
  [...(leader === null ? [] : [leader]), ...queue].map(({ id }) => id);

/** A candidate that keeps its place in the queue, whatever is done to it. */
function stand(client: Client, candidate: string): void {
  void client.election("orders").serve(
    async ({ signal }) => {
      await new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve());
      });
    },
    { candidate },
  );
}
