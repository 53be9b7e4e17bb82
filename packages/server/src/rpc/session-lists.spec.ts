// SPDX-License-Identifier: Apache-2.0
/** The sessions of a partition as any of three nodes lists them: by instance, never by id. */

import { durationMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { settled } from "../replica/memory-node.ts";
import { instanceOf } from "../wire/instance.ts";
import { createMemoryClient, refusalOf } from "./memory-client.ts";
import { createQuestionWorld, during } from "./memory-questions.ts";

const NODES = [1, 2, 3];
const UNREACHABLE = { code: "Unavailable", reason: "NO_LEADER", outcome: "NOT_APPLIED" };

test("where the leader has died, the next one is asked for the sessions as soon as there is one", async () => {
  const world = await createQuestionWorld();
  await world.open(5n);
  world.ways.fault(2, 1, "hold");

  const asked = world.admin(2).listSessions({ partition: 1 });
  await world.advance(400);
  world.group(1).lead(3);
  await world.advance(700);

  expect((await asked).sessions).toHaveLength(1);
  expect(world.ways.calls).toEqual(["2>1", "2>3"]);
});

test("the sessions of a partition are told by its leader through any node, by instance and without their ids", async () => {
  const world = await createQuestionWorld();
  const options = {
    ttl: { seconds: 8n },
    disconnectGrace: { seconds: 2n },
    labels: { host: "h1", __proto__x: "" },
  };
  for (const id of [5n, 6n, 7n]) await world.open(id, { options });
  await world.open(8n, { partitions: [2] });
  await world.advance(3_000);
  const { sessions: client } = createMemoryClient(world.at(3).node);
  await client.keepAlive({ sessionId: 6n, renewal: { number: 1n, partitions: [1] } });
  await world.advance(1_000);

  const answers = [];
  for (const node of NODES) answers.push(await world.admin(node).listSessions({ partition: 1 }));

  const [first] = answers;
  for (const answer of answers) expect(answer).toEqual(first);
  const told = first?.sessions.map(({ instance, remaining }) => [instance, durationMs(remaining!)]);
  const expected = [5n, 6n, 7n].map((id) => [instanceOf(id), id === 6n ? 7_000 : 4_000]);
  expect(told).toEqual(expected.toSorted());
  expect(first?.sessions[0]).toMatchObject({
    ttl: options.ttl,
    disconnectGrace: options.disconnectGrace,
    labels: options.labels,
  });
  expect(first?.nextPageToken).toBe("");
});

test("pages follow each other by instance, whatever begins and ends in between", async () => {
  const world = await createQuestionWorld();
  for (let id = 1n; id <= 25n; id++) await world.open(id);
  const ids = new Map(Array.from({ length: 30 }, (_, i) => [instanceOf(BigInt(i)), BigInt(i)]));
  const { sessions } = createMemoryClient(world.at(1).node);
  const seen: string[] = [];

  for (let pageToken = "", page = 0; page === 0 || pageToken !== ""; page++) {
    const admin = world.admin((page % 3) + 1);
    const answer = await admin.listSessions({ partition: 1, pageSize: 4, pageToken });
    seen.push(...answer.sessions.map(({ instance }) => instance));
    pageToken = answer.nextPageToken;
    // What a page ended with may be gone when the next one is asked for.
    const last = ids.get(seen.at(-1) ?? "");
    if (page === 2) await sessions.closeSession({ sessionId: last! });
  }

  expect(seen).toEqual(seen.toSorted());
  expect(new Set(seen).size).toBe(25);
});

test("one session is found by its instance; one that is none is not", async () => {
  const world = await createQuestionWorld();
  await world.open(5n);
  await world.open(6n);
  const [instance, other] = [instanceOf(6n), instanceOf(9n)];
  const found = await world.admin(2).listSessions({ partition: 1, instance });
  expect(found.sessions.map((session) => session.instance)).toEqual([instance]);
  const missing = await world.admin(2).listSessions({ partition: 1, instance: other });
  expect(missing).toMatchObject({ sessions: [], nextPageToken: "" });
});

test("a page ends before its labels take more than 256 KiB", async () => {
  const world = await createQuestionWorld();
  const labels = Object.fromEntries(
    Array.from({ length: 16 }, (_, i) => [`${i}`, "ä".repeat(128)]),
  );
  for (let id = 1n; id <= 80n; id++) await world.open(id, { options: { labels } });

  const { sessions, nextPageToken } = await world.admin(1).listSessions({ partition: 1 });

  expect(sessions.length).toBeGreaterThan(50);
  expect(sessions.length).toBeLessThan(63);
  expect(nextPageToken).not.toBe("");
});

test("while nobody leads the partition its sessions are waited for, and in the end refused", async () => {
  const world = await createQuestionWorld();
  await world.open(5n);
  world.group(1).loseLeader();

  const inTime = world.admin(2).listSessions({ partition: 1 });
  await world.advance(1_000);
  world.group(1).lead(3);
  const { sessions } = await during(world, inTime);
  // The new leader gives everybody a full TTL.
  expect(durationMs(sessions[0]!.remaining!)).toBeGreaterThan(9_900);

  world.group(1).loseLeader();
  const refused = refusalOf(world.admin(2).listSessions({ partition: 1 }));
  expect(await during(world, refused)).toMatchObject(UNREACHABLE);
});

test("many sessions are listed in turns, once for all who ask in a while; those that ended are left out", async () => {
  const world = await createQuestionWorld();
  const count = 2_500;
  await world.openMany(count);
  const page = (pageToken: string) =>
    world.admin(1).listSessions({ partition: 1, pageSize: 1_000, pageToken });
  let isDone = false;
  const first = page("").finally(() => (isDone = true));
  await settled();
  expect(isDone).toBe(false);
  const { nextPageToken } = await during(world, first);

  const { sessions: client } = createMemoryClient(world.at(1).node);
  await client.closeSession({ sessionId: 17n });
  await world.open(9_999n, { partitions: [1] });
  const instances = (await first).sessions.map(({ instance }) => instance);
  for (let token = nextPageToken; token !== ""; ) {
    const next = await page(token);
    instances.push(...next.sessions.map(({ instance }) => instance));
    token = next.nextPageToken;
  }
  const isEarly = (id: bigint): boolean => (instances[999] ?? "") >= instanceOf(id);
  expect(instances).toHaveLength(isEarly(17n) ? count : count - 1);
  expect(instances).not.toContain(instanceOf(9_999n));
  await world.advance(270);

  const fresh = { partition: 1, instance: instanceOf(9_999n) };
  const found = await during(world, world.admin(1).listSessions(fresh));
  expect(found.sessions).toHaveLength(1);
});

test("a list that was made for many leaves no timer behind, whenever the node begins to stop", async () => {
  const world = await createQuestionWorld();
  await world.openMany(1_200);
  await during(world, world.admin(1).listSessions({ partition: 1 }));
  const before = world.clock.pendingTimers;
  world.at(1).node.beginShutdown();
  expect(world.clock.pendingTimers).toBe(before - 1);

  const other = await createQuestionWorld();
  await other.openMany(1_200);
  const quiet = other.clock.pendingTimers;
  const underWay = other.admin(1).listSessions({ partition: 1 });
  await settled();
  other.at(1).node.beginShutdown();
  await during(other, underWay);
  expect(other.clock.pendingTimers).toBe(quiet);
});
