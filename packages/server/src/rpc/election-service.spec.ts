// SPDX-License-Identifier: Apache-2.0
import { FenceStatus, type ListResponse, type WatchResponse } from "@conclave/api";
import { expect, test } from "vitest";
import { settled } from "../replica/memory-node.ts";
import { refusalOf } from "./memory-client.ts";
import { createWorld, election, queueOf } from "./memory-elections.ts";

test("the first to enter leads with term 1, the others wait in order", async () => {
  const world = await createWorld();

  const first = await world.enter("a", 1n);
  const second = await world.enter("b", 2n);

  expect(first).toMatchObject({ term: 1n, leading: true, changed: true, revision: 1n });
  expect(second).toMatchObject({ term: 1n, leading: false, changed: true, revision: 2n });
  expect(await queueOf(world)).toEqual(["a", "b"]);
});

test("operators' verbs answer with the view after them", async () => {
  const world = await createWorld();
  await world.enter("a", 1n);
  await world.enter("b", 2n);
  await world.enter("c", 3n);
  const { elections } = world.client;

  const anointed = await elections.anoint({ election, candidate: "c" });
  expect(anointed.result).toMatchObject({ term: 2n, leading: true, changed: true });
  expect(anointed.view?.queue.map(({ name }) => name)).toEqual(["a", "b"]);
  await elections.promote({ election, candidate: "b" });
  expect(await queueOf(world)).toEqual(["c", "b", "a"]);
  await elections.demote({ election, candidate: "c" });
  expect(await queueOf(world)).toEqual(["b", "c", "a"]);
  const evicted = await elections.evict({ election, candidate: "b" });

  expect(evicted.view?.leader?.name).toBe("c");
  expect(evicted.view?.term).toBe(4n);
});

test("a session's id is in no view: an instance, made from it, tells the processes apart", async () => {
  const world = await createWorld();
  await world.enter("a", 1n);
  await world.enter("b", 2n);

  const { view } = await world.client.elections.get({ election });

  // The first 8 bytes of SHA-256 of the id's 8 bytes, by an independent tool.
  expect(view?.leader?.instance).toBe("cd2662154e6d76b2");
  expect(view?.queue[0]?.instance).toMatch(/^[0-9a-f]{16}$/);
  expect(view?.queue[0]?.instance).not.toBe(view?.leader?.instance);
});

test("schedule F: of two compare-and-sets with one revision exactly one succeeds", async () => {
  const world = await createWorld();
  await world.enter("a", 1n);
  await world.enter("b", 2n);
  await world.enter("c", 3n);
  const options = { ifRevision: 3n };
  const { elections } = world.client;

  const outcomes = await Promise.all([
    refusalOf(elections.anoint({ election, candidate: "b", options })),
    refusalOf(elections.anoint({ election, candidate: "c", options })),
  ]);

  expect(outcomes.map((refusal) => refusal?.reason)).toEqual([undefined, "REVISION_MISMATCH"]);
});

test("an operator's retry under its request id is applied once", async () => {
  const world = await createWorld();
  await world.enter("a", 1n);
  await world.enter("b", 2n);
  const request = { election, candidate: "b", options: { requestId: "r1", reason: "drill" } };

  const first = await world.client.elections.anoint(request);
  const again = await world.client.elections.anoint(request);

  expect(first.result).toMatchObject({ term: 2n, replayed: false });
  expect(again.result).toMatchObject({ term: 2n, replayed: true });
});

test("takeover takes a candidacy over in place, and a leading one under a new term", async () => {
  const world = await createWorld();
  await world.enter("a", 1n);
  await world.enter("b", 1n);

  const waiting = await world.enter("b", 2n, { takeover: true });
  const leading = await world.enter("a", 2n, { takeover: true });

  expect(waiting).toMatchObject({ term: 1n, leading: false });
  expect(leading).toMatchObject({ term: 2n, leading: true });
  expect(await queueOf(world)).toEqual(["a", "b"]);
});

test("schedule D: a lost answer that is asked for again says that it is a replay", async () => {
  const world = await createWorld();
  await world.client.sessions.openSession({ sessionId: 1n });
  await world.client.sessions.openSession({ sessionId: 2n });
  const command = { sessionId: 1n, number: 50n };
  await world.client.elections.enter({ election, candidate: "a", command });
  await world.enter("b", 2n);
  await world.client.elections.anoint({ election, candidate: "b" });

  const { result } = await world.client.elections.enter({ election, candidate: "a", command });

  expect(result).toMatchObject({ replayed: true, revision: 1n });
});

test("an election that nobody entered is vacant, with the term that its name has reached", async () => {
  const world = await createWorld();
  await world.enter("a", 1n);
  await world.client.elections.delete({ election });

  const { view } = await world.client.elections.get({ election });

  expect(view).toMatchObject({ revision: 0n, term: 1n, queue: [] });
  expect(view?.leader).toBeUndefined();
});

test("a fence is current for its holder, superseded for the one before, and unknown ahead of time", async () => {
  const world = await createWorld();
  await world.enter("a", 1n);
  await world.enter("b", 2n);
  await world.client.elections.anoint({ election, candidate: "b" });
  const statusOf = async (term: bigint): Promise<FenceStatus> =>
    (await world.client.elections.checkFence({ election, term })).status;

  expect(await statusOf(1n)).toBe(FenceStatus.SUPERSEDED);
  expect(await statusOf(2n)).toBe(FenceStatus.CURRENT);
  expect(await statusOf(3n)).toBe(FenceStatus.UNKNOWN);
  await world.client.elections.delete({ election });
  expect(await statusOf(2n)).toBe(FenceStatus.VACANT);
});

test("a linearizable read without a leader is refused after its patience, a stale one is answered", async () => {
  const world = await createWorld();
  await world.enter("a", 1n);
  for (const partition of [1, 2]) world.log(partition).follow(undefined);

  const reading = refusalOf(world.client.elections.get({ election }));
  await settled();
  await world.advance(5_040);
  const { view } = await world.client.elections.get({ election, stale: true });

  expect(await reading).toMatchObject({ code: "Unavailable", reason: "NO_LEADER" });
  expect(view?.leader?.name).toBe("a");
});

test("a command whose fate is not known says so, and its retry under the same ids is applied once", async () => {
  const world = await createWorld();
  await world.enter("x", 1n);
  const home = world.node.homeOf({ kind: "election", namespace: "default", name: "e" }).number;
  const command = { sessionId: 1n, number: 70n };
  world.log(home).stall();
  const entering = refusalOf(world.client.elections.enter({ election, candidate: "y", command }));
  await settled();
  await world.advance(5_040);

  expect(await entering).toMatchObject({ code: "Unavailable", outcome: "UNKNOWN" });
  world.log(home).resume();
  const { result } = await world.client.elections.enter({ election, candidate: "y", command });

  expect(result).toMatchObject({ replayed: true, changed: expect.any(Boolean) });
  expect(await queueOf(world)).toEqual(["x", "y"]);
});

test("pages of a list follow each other in key order over all partitions, nothing left out or twice", async () => {
  const world = await createWorld();
  const all = Array.from({ length: 25 }, (_, i) => `job-${String(i).padStart(2, "0")}`);
  for (const name of all) await world.enter("a", 1n, { election: { name } });
  await world.enter("a", 1n, { election: { name: "other" } });
  const pages: ListResponse[] = [];

  let pageToken = "";
  do {
    const page = await world.client.elections.list({ prefix: "job-", pageSize: 10, pageToken });
    pages.push(page);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");

  expect(pages.map(({ elections }) => elections.length)).toEqual([10, 10, 5]);
  const listed = pages.flatMap(({ elections }) => elections.map((view) => view.election?.name));
  expect(listed).toEqual(all);
});

test("a page of a list stays below 256 KiB, however large its elections are", async () => {
  const world = await createWorld();
  const metadata = { k: "x".repeat(4_000) };
  for (let i = 0; i < 90; i++) {
    await world.enter("a", 1n, { election: { name: `e${i}` }, metadata });
  }

  const page = await world.client.elections.list({ pageSize: 1_000 });

  expect(page.elections.length).toBeGreaterThan(20);
  expect(page.elections.length * 4_000).toBeLessThan(256 * 1_024);
  expect(page.nextPageToken).not.toBe("");
});

test("a list of the vacant holds those without a leader only", async () => {
  const world = await createWorld();
  await world.enter("a", 1n);
  await world.enter("a", 1n, { election: { name: "f" } });
  await world.client.elections.evict({ election, candidate: "a" });

  const { elections } = await world.client.elections.list({ vacant: true });

  expect(elections.map((view) => view.election?.name)).toEqual(["e"]);
});

test("a kind and a namespace are part of the name", async () => {
  const world = await createWorld();
  await world.enter("a", 1n);
  await world.enter("b", 1n, { election: { name: "e", kind: 2 } });
  const { result } = await world.client.elections.enter({
    election: { name: "e", namespace: "other" },
    command: { sessionId: 1n, number: 90n },
    candidate: "c",
  });

  expect(result?.leading).toBe(true);
  expect(await queueOf(world)).toEqual(["a"]);
});

test("a watch stream begins with the state and shows a change with its cause, reason and difference", async () => {
  const world = await createWorld();
  await world.enter("a", 1n);
  await world.enter("b", 2n);
  const abort = new AbortController();
  const seen: WatchResponse[] = [];
  const watching = (async () => {
    const options = { signal: abort.signal };
    for await (const message of world.client.elections.watch({ elections: [election] }, options)) {
      seen.push(message);
    }
  })().catch(() => {});
  await settled();
  await settled();

  const options = { reason: "drill" };
  await world.client.elections.anoint({ election, candidate: "b", options });
  await settled();
  abort.abort();
  await watching;

  expect(seen.map(({ event }) => event.case)).toEqual(["snapshot", "snapshotEnd", "change"]);
  const change = seen[2]?.event;
  expect(change?.value).toMatchObject({
    revision: 3n,
    previousRevision: 2n,
    term: 2n,
    cause: 6,
    reason: "drill",
    leader: { name: "b" },
    moved: [{ candidate: { name: "b" }, position: 0 }],
  });
  await settled();
  for (const partition of world.node.partitions) expect(partition.watchers.isEmpty).toBe(true);
});
