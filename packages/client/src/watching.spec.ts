// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { CHANGES_MAX } from "./change-buffer.ts";
import type { Client, Election } from "./election.ts";
import { createWorld, type World } from "./memory/memory-world.ts";
import type { Change, View, WatchOptions } from "./view.ts";

test("a watch goes on after a lost connection, without a gap and without saying anything twice", async () => {
  const world = createWorld();
  const [a, b] = [await world.start(), await world.start()];
  const orders = b.client.election("orders");
  const seen = watchInto(a.client.election("orders"));
  await world.settle();

  const first = await orders.campaign({ candidate: "x" });
  a.network.cut();
  await first.resign();
  await orders.campaign({ candidate: "y" });
  await world.advance(500);
  a.network.heal();
  await world.advance(500);

  expect(seen.map(told)).toEqual([
    "snapshot -",
    "elected x",
    "contact lost",
    "contact live",
    "vacant resigned",
    "elected y",
  ]);
});

test("a watch that resumes where history is gone says so, and shows the state as it is", async () => {
  const world = createWorld({ partitionCount: 1 });
  const [a, b] = [await world.start(), await world.start()];
  const orders = b.client.election("orders");
  const seen = watchInto(a.client.election("orders"));
  const leadership = await orders.campaign({ candidate: "x" });
  await world.settle();

  a.network.cut();
  for (let n = 0; n < 1_100; n++) await leadership.update({ n: String(n) });
  a.network.heal();
  await world.advance(500);

  expect(seen.map(told).slice(-3)).toEqual(["contact live", "gap", "snapshot x"]);
  expect(seen.at(-1)).toMatchObject({ view: { leader: { metadata: { n: "1099" } } } });
});

test("a watch after a revision shows what came after it, whole, and not what was seen", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const orders = client.election("orders");
  const first = await orders.campaign({ candidate: "x" });
  const view = await orders.get();
  await first.resign();

  const seen = watchInto(orders, { after: view.revision });
  await world.settle();
  stand(client, "y");
  await world.settle();

  expect(seen.map(told)).toEqual(["vacant resigned", "elected y"]);
  expect(viewOf(seen)).toEqual(await orders.get());
});

test("a reader that is late misses changes of the queue, never a change of office", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const orders = client.election("orders");
  const reader = orders.watch()[Symbol.asyncIterator]();
  const first = reader.next();
  await world.settle();
  await first;

  const leader = await orders.campaign({ candidate: "x" });
  for (let n = 0; n < 50; n++) await leader.update({ n: String(n) });
  await leader.resign();
  await world.settle();

  const rest = [await reader.next(), await reader.next(), await reader.next()];
  expect(rest.map(({ value }) => told(value as Change))).toEqual([
    "elected x",
    "metadata x",
    "vacant resigned",
  ]);
});

test("a reader that never reads holds a bounded number of changes, and loses none of them", async () => {
  const world = createWorld({ partitionCount: 1 });
  const { client } = await world.start();
  const orders = client.election("orders");
  const reader = orders.watch()[Symbol.asyncIterator]();
  await Promise.all([reader.next(), world.settle()]);
  const terms = CHANGES_MAX / 2 + 100;

  for (let n = 0; n < terms; n++) await (await orders.campaign()).resign();
  await world.settle();
  const elected: bigint[] = [];
  while (elected.length < terms) {
    const { value } = await reader.next();
    const change = value as Change;
    if (change.type === "elected") elected.push(change.view.term);
    expect(change.type).not.toBe("gap");
  }

  expect(elected.at(-1)).toBe(BigInt(terms));
});

test("a watch by prefix sees elections begin and be deleted", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const seen: Change[] = [];
  void (async () => {
    for await (const change of client.watch("or")) seen.push(change);
  })();
  await world.settle();

  await client.election("orders").campaign({ candidate: "x" });
  await client.election("mails").campaign({ candidate: "y" });
  await client.election("orders").admin.delete({ reason: "tidy" });
  await world.settle();

  expect(seen.map(told)).toEqual(["elected x", "vacant deleted"]);
});

test("an aborted watch returns, and one whose client is closed throws CLOSED", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const stop = new AbortController();
  const aborted = drained(client.election("orders").watch({ signal: stop.signal }));
  const closed = drained(client.election("orders").watch());
  closed.catch(() => {});
  await world.settle();

  stop.abort();
  await aborted;
  await client.close();

  await expect(closed).rejects.toMatchObject({ code: "CLOSED" });
});

test("the kept view is the server's own, whatever an operator does to the queue", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const orders = client.election("orders");
  const seen = watchInto(orders);
  for (const candidate of ["a", "b", "c", "d"]) stand(client, candidate);
  await world.settle();

  await orders.admin.anoint("c");
  await orders.admin.demote("c");
  await orders.admin.promote("d");
  await orders.admin.evict("a");
  await world.settle();
  expect(listOf(viewOf(seen))).toEqual(["c", "d", "b"]);

  expect(viewOf(seen)).toEqual(await orders.get());
  expect(listOf(viewOf(seen))).toEqual(listOf(await server(world)));
});

function watchInto(election: Election, options: WatchOptions = {}): Change[] {
  const seen: Change[] = [];
  void (async () => {
    for await (const change of election.watch(options)) seen.push(change);
  })();
  return seen;
}

async function drained(changes: AsyncIterable<Change>): Promise<void> {
  for await (const _ of changes);
}

function viewOf(seen: readonly Change[]): View {
  const last = seen.at(-1);
  if (last === undefined || !("view" in last)) throw new Error("no view has been seen");
  return last.view;
}

const listOf = ({ leader, queue }: View): string[] =>
  [...(leader === null ? [] : [leader]), ...queue].map(({ id }) => id);

async function server(world: World): Promise<View> {
  const { client } = await world.start();
  return client.election("orders").get();
}

function told(change: Change): string {
  if (change.type === "contact") return change.live ? "contact live" : "contact lost";
  if (change.type === "vacant") return `vacant ${change.cause}`;
  if ("view" in change) return `${change.type} ${change.view.leader?.id ?? "-"}`;
  return change.type;
}

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
