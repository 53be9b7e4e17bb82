// SPDX-License-Identifier: Apache-2.0
import { type Lease, LeaseStatus } from "@conclave/api";
import { expect, test } from "vitest";
import { createMemoryNode, settled } from "../replica/memory-node.ts";
import { createMemoryClient, refusalOf } from "./memory-client.ts";

const S = 5n;

const statuses = (leases: readonly Lease[]): string[] =>
  leases.map(({ partition, status }) => `${partition} ${LeaseStatus[status]}`);

test("a session without an id gets one, is shown by its instance, and is registered everywhere", async () => {
  const { node } = createMemoryNode(3);
  const { sessions } = createMemoryClient(node);

  const opened = await sessions.openSession({});

  expect(opened.sessionId).toBe(1_001n);
  expect(opened.instance).toMatch(/^[0-9a-f]{16}$/);
  expect(opened.cluster?.partitionCount).toBe(3);
  expect(statuses(opened.leases)).toEqual(["1 CONFIRMED", "2 CONFIRMED", "3 CONFIRMED"]);
});

test("a session is registered only on the partitions that are named", async () => {
  const { node } = createMemoryNode(3);
  const { sessions } = createMemoryClient(node);

  const opened = await sessions.openSession({ sessionId: S, partitions: [2, 2] });

  expect(statuses(opened.leases)).toEqual(["2 CONFIRMED"]);
  expect(node.partition(1).session(S)).toBeUndefined();
  expect(node.partition(2).session(S)).toMatchObject({ ttlMs: 10_000, graceMs: 0 });
});

test("opening a session again is idempotent, also after it was given up half way", async () => {
  const { node } = createMemoryNode(2);
  const { sessions } = createMemoryClient(node);
  await sessions.openSession({ sessionId: S, partitions: [1] });

  const again = await sessions.openSession({ sessionId: S });

  expect(statuses(again.leases)).toEqual(["1 CONFIRMED", "2 CONFIRMED"]);
});

test("schedule A: an opening names the partitions that could not be reached", async () => {
  const world = createMemoryNode(2);
  const { sessions } = createMemoryClient(world.node);
  world.log(2).follow(undefined);

  const opening = sessions.openSession({ sessionId: S });
  await settled();
  await world.advance(5_040);

  expect(statuses((await opening).leases)).toEqual(["1 CONFIRMED", "2 UNCONFIRMED"]);
});

test("an opening that reaches no partition is refused, not answered with nothing", async () => {
  const world = createMemoryNode(2);
  const { sessions } = createMemoryClient(world.node);
  for (const partition of [1, 2]) world.log(partition).follow(undefined);

  const opening = refusalOf(sessions.openSession({ sessionId: S }));
  await settled();
  await world.advance(5_040);

  expect(await opening).toMatchObject({ code: "Unavailable", reason: "NO_LEADER" });
});

test("a keep-alive is answered by each partition for itself", async () => {
  const world = createMemoryNode(3);
  const { sessions } = createMemoryClient(world.node);
  await sessions.openSession({ sessionId: S, partitions: [1, 3] });
  world.log(3).follow(undefined);

  const renewal = { number: 7n, partitions: [1, 2, 3] };
  const { leases } = await sessions.keepAlive({ sessionId: S, renewal });

  expect(statuses(leases)).toEqual(["1 CONFIRMED", "2 NOT_REGISTERED", "3 UNCONFIRMED"]);
  expect(leases[0]?.number).toBe(7n);
});

test("a closed session has ended on every partition and never comes back", async () => {
  const { node } = createMemoryNode(2);
  const { sessions } = createMemoryClient(node);
  await sessions.openSession({ sessionId: S });

  await sessions.closeSession({ sessionId: S });
  const renewal = { number: 1n, partitions: [1] };
  const { leases } = await sessions.keepAlive({ sessionId: S, renewal });
  const reopened = await sessions.openSession({ sessionId: S });

  expect(statuses(leases)).toEqual(["1 ENDED"]);
  expect(statuses(reopened.leases)).toEqual(["1 ENDED", "2 ENDED"]);
});

test("closing a session twice, or one that never was, is no error", async () => {
  const { node } = createMemoryNode(2);
  const { sessions } = createMemoryClient(node);
  await sessions.openSession({ sessionId: S });

  await sessions.closeSession({ sessionId: S });

  expect(await refusalOf(sessions.closeSession({ sessionId: S }))).toBeUndefined();
  expect(await refusalOf(sessions.closeSession({ sessionId: 99n }))).toBeUndefined();
});
