// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { Change } from "../view.ts";
import { createMemoryElections } from "./memory-elections.ts";

test("the first candidate leads, and the second when the first resigns", async () => {
  const elections = createMemoryElections();
  const [a, b] = [await elections.connect(), await elections.connect()];
  const first = await a.election("orders").campaign({ candidate: "a" });
  const second = b.election("orders").campaign({ candidate: "b" });
  await elections.settle();
  expect(String(first.assertHeld())).toBe("orders#1");

  await first.resign();

  expect(String((await second).fence)).toBe("orders#2");
});

test("a candidate whose session is ended loses office, and the next one leads", async () => {
  const elections = createMemoryElections();
  const [a, b] = [await elections.connect(), await elections.connect()];
  const first = await a.election("orders").campaign({ candidate: "a" });
  const second = b.election("orders").campaign({ candidate: "b" });
  await elections.settle();

  expect(elections.expire("orders", "a")).toBe(true);
  await elections.settle();

  expect(() => first.assertHeld()).toThrow(expect.objectContaining({ code: "EXPIRED" }));
  expect((await second).fence.term).toBe(2n);
});

test("a process that is cut off stops believing before the cluster lets another lead", async () => {
  const elections = createMemoryElections();
  const [a, b] = [await elections.connect(), await elections.connect()];
  const first = await a.election("orders").campaign({ candidate: "a", ttlMs: 1_000 });
  const second = b.election("orders").campaign({ candidate: "b", ttlMs: 1_000 });
  await elections.settle();

  elections.cut(a);
  await elections.advance(900);
  expect(() => first.assertHeld()).not.toThrow();
  await elections.advance(300);

  expect(() => first.assertHeld()).toThrow(expect.objectContaining({ code: "EXPIRED" }));
  expect((await second).fence.term).toBe(2n);
});

test("a frozen process does not believe in an office that another one holds", async () => {
  const elections = createMemoryElections();
  const a = await elections.connect();
  const first = await a.election("orders").campaign({ candidate: "a", ttlMs: 1_000 });

  elections.clock.advance(2_000);

  expect(() => first.assertHeld()).toThrow(expect.objectContaining({ code: "EXPIRED" }));
  expect(first.signal.reason).toMatchObject({ code: "EXPIRED" });
});

test("a leader that renews keeps its office for as long as it likes", async () => {
  const elections = createMemoryElections();
  const a = await elections.connect();
  const first = await a.election("orders").campaign({ ttlMs: 1_000 });

  await elections.advance(20_000);

  expect(String(first.assertHeld(500))).toBe("orders#1");
});

test("a watch shows the state, then each change with its cause", async () => {
  const elections = createMemoryElections();
  const client = await elections.connect();
  const orders = client.election("orders");
  const seen: string[] = [];
  const stop = new AbortController();
  const watching = (async () => {
    for await (const change of orders.watch({ signal: stop.signal })) seen.push(told(change));
  })();
  await elections.settle();

  const leadership = await orders.campaign({ candidate: "a" });
  await leadership.update({ zone: "1" });
  await leadership.resign();
  await elections.settle();
  stop.abort();
  await watching;

  expect(seen).toEqual([
    "snapshot - term 0",
    "elected a term 1 entered",
    "metadata a term 1 metadata",
    "vacant - term 1 resigned",
  ]);
});

function told(change: Change): string {
  if (!("view" in change)) return change.type;
  const cause = "cause" in change ? ` ${change.cause}` : "";
  return `${change.type} ${change.view.leader?.id ?? "-"} term ${change.view.term}${cause}`;
}
