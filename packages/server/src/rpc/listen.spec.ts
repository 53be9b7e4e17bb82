// SPDX-License-Identifier: Apache-2.0
/** Listen: what several Attach streams would tell, in one stream of answers. */

import { create } from "@bufbuild/protobuf";
import { CandidacyState, ListenRequestSchema, type ListenResponse, Reason } from "@conclave/api";
import { expect, test } from "vitest";
import { createMemoryNode, type MemoryNode, settled } from "../replica/memory-node.ts";
import { listen } from "./listen-stream.ts";
import { createMemoryClient, describe, refusalOf } from "./memory-client.ts";
import { election } from "./memory-elections.ts";
import { countHeld } from "./memory-held.ts";
import { ListenClient, listenTo } from "./memory-listen.ts";

/** Of `election` among two partitions. */
const HOME = 1;

const hello = (sessionId: bigint, options: object = {}) => ({ session: { sessionId, options } });
const watchOf = (name: string, more: object = {}) => ({
  id: 1n,
  request: { elections: [{ name }], ...more },
});

async function createScene(): Promise<
  MemoryNode & {
    readonly client: ReturnType<typeof createMemoryClient>;
    enter(sessionId: bigint, candidate: string): Promise<void>;
  }
> {
  const memory = createMemoryNode(2);
  const client = createMemoryClient(memory.node);
  let number = 0n;
  for (const sessionId of [5n, 6n]) await client.sessions.openSession({ sessionId });
  return {
    ...memory,
    client,
    async enter(sessionId, candidate) {
      const command = { sessionId, number: ++number };
      await client.elections.enter({ election, command, candidate });
      await settled();
    },
  };
}

test("several listeners in one stream are told each its own, under its own id", async () => {
  const { client, enter } = await createScene();
  await enter(5n, "a");

  const listening = await listenTo(client, {
    listeners: [
      { id: 1, hello: hello(5n) },
      { id: 2, hello: hello(6n), watches: [watchOf("e")] },
      { id: 3, hello: {}, watches: [watchOf("other")] },
    ],
  });
  await enter(6n, "b");
  await client.elections.anoint({ election, candidate: "b" });
  await settled();

  const told = (id: number) =>
    listening.candidaciesOf(id).map(({ candidate, state }) => [candidate, state]);
  expect(told(1)).toEqual([
    ["a", CandidacyState.LEADING],
    ["a", CandidacyState.WAITING],
  ]);
  expect(told(2)).toEqual([["b", CandidacyState.LEADING]]);
  expect(told(3)).toEqual([]);
  const events = (id: number) =>
    listening.eventsOf(id).map(({ outcome }) => {
      return outcome.case === "event" ? outcome.value.event.case : "ended";
    });
  expect(events(1)).toEqual([]);
  expect(events(2)).toEqual(["snapshot", "snapshotEnd", "change", "change"]);
  expect(events(3)).toEqual(["snapshot", "snapshotEnd"]);
  const welcomes = [1, 2, 3].map((id) => listening.framesOf(id)[0]?.welcome?.instance);
  expect(new Set(welcomes).size).toBe(3);
  expect(welcomes[2]).toBe("");
  expect(listening.end).toBeUndefined();
});

test("a listener that is refused is told why, and the others go on", async () => {
  const { client, enter } = await createScene();

  const listening = await listenTo(client, {
    listeners: [
      { id: 1, hello: hello(5n, { ttl: { seconds: 77n } }) },
      { id: 2, hello: hello(0n) },
      { id: 3 },
      { id: 4, hello: hello(6n) },
    ],
  });
  await enter(6n, "b");

  expect(listening.errorOf(1)).toMatchObject({
    code: "failed_precondition",
    info: { reason: Reason.SESSION_MISMATCH },
  });
  expect(listening.errorOf(2)?.info?.field).toBe("hello.session.session_id");
  expect(listening.errorOf(3)?.info?.field).toBe("hello");
  expect(listening.candidaciesOf(4)).toMatchObject([{ candidate: "b" }]);
  expect(listening.end).toBeUndefined();
});

test("when all listeners are refused the stream ends in order", async () => {
  const { client } = await createScene();
  const listening = await listenTo(client, { listeners: [{ id: 1 }, { id: 2 }] });
  expect([1, 2].map((id) => listening.errorOf(id)?.info?.field)).toEqual(["hello", "hello"]);
  expect(listening.end).toBe("closed");
});

test("a session that is opened while it is listened for is told what becomes of it", async () => {
  const { client } = await createScene();
  const listening = await listenTo(client, { listeners: [{ id: 1, hello: hello(9n) }] });
  expect(listening.framesOf(1)[0]?.candidaciesTold).toEqual([]);

  await client.sessions.openSession({ sessionId: 9n });
  const command = { sessionId: 9n, number: 1n };
  const { result } = await client.elections.enter({ election, command, candidate: "c" });
  await settled();

  expect(listening.candidaciesOf(1)).toMatchObject([
    { candidate: "c", state: CandidacyState.LEADING, revision: result?.revision, partition: HOME },
  ]);
});

test("the end of the stream starts no grace, even of a session that is attached through another", async () => {
  const { client, node, advance } = await createScene();
  const options = { disconnectGrace: { nanos: 500_000_000 } };
  const stream = client.attach();
  await stream.send({ hello: hello(8n, options) });
  await stream.send({
    commands: [
      {
        correlation: 1n,
        command: {
          case: "enter",
          value: { election, candidate: "g", command: { sessionId: 8n, number: 1n } },
        },
      },
    ],
  });
  await stream.send({ renewals: [{ number: 1n, partitions: [HOME] }] });

  const listening = await listenTo(client, { listeners: [{ id: 1, hello: hello(8n, options) }] });
  await listening.cancel();
  await advance(2_000);
  expect(node.partition(HOME).session(8n)).toMatchObject({ sessionId: 8n });

  await stream.cancel();
  await advance(700);
  expect(node.partition(HOME).session(8n)).toBe("ended");
});

test("a node that stops says goodbye to every listener and ends the stream", async () => {
  const { client, node } = await createScene();
  const listening = await listenTo(client, {
    listeners: [
      { id: 1, hello: hello(5n) },
      { id: 2, hello: {} },
    ],
  });

  node.beginShutdown();
  await settled();

  for (const id of [1, 2]) {
    expect(listening.framesOf(id).at(-1)?.goodbye?.reason).toBe("shutting down");
  }
  expect(listening.end).toBe("closed");
  const late = await listenTo(client, { listeners: [{ id: 1, hello: {} }] });
  expect(late.framesOf(1).at(-1)?.goodbye?.reason).toBe("shutting down");
  expect(late.end).toBe("closed");
});

test("a listener that asks for more than may wait is ended for it, and the others go on", async () => {
  const { node, enter } = await createScene();
  const bad = Array.from({ length: 65_600 }, (_, i) => ({ id: BigInt(i) }));
  const request = create(ListenRequestSchema, {
    listeners: [
      { id: 1, hello: {}, watches: [watchOf("e"), ...bad] },
      { id: 2, hello: hello(5n) },
    ],
  });
  const caller = new AbortController();
  const told: ListenResponse["told"][] = [];
  const read = async () => {
    for await (const message of listen(node, request, caller.signal)) {
      if (message.id === 1) told.push(message.told);
      else if (told.at(-1)?.case === "error") caller.abort();
    }
  };
  const reading = read();
  for (let i = 0; i < 5; i++) await settled();
  // The second listener is told, which ends this.
  await enter(5n, "a");
  await reading;

  const reasons = told.map((one) => (one.case === "error" ? one.value.info?.reason : undefined));
  expect(reasons.at(-1)).toBe(Reason.SLOW_WATCHER);
  expect(node.partition(HOME).watchers.isEmpty).toBe(true);
});

test("a client that does not read loses its watch at once, and is told so when it reads", async () => {
  const { node, enter } = await createScene();
  for (const candidate of ["a", "b", "c"]) await enter(5n, candidate);
  const request = create(ListenRequestSchema, {
    listeners: [{ id: 1, hello: {}, watches: [watchOf("e")] }],
  });
  const caller = new AbortController();
  const messages = listen(node, request, caller.signal);
  await messages.next();
  await settled();
  expect(node.partition(HOME).watchers.isEmpty).toBe(false);

  const commands = Array.from({ length: 5_000 }, (_, i) => ({
    ...{ kind: "promote" as const, candidate: i % 2 === 0 ? "c" : "b" },
    key: { kind: "election", namespace: "default", name: "e" } as const,
    options: { reason: "" },
  }));
  const giveUpAtMs = node.giveUpAtMs();
  const batch = { commands, giveUpAtMs, mayUseReserve: true, settle: () => {} };
  node.partition(HOME).submit(batch);
  await settled();
  expect(node.partition(HOME).watchers.isEmpty).toBe(true);

  const reasons: (Reason | undefined)[] = [];
  while (reasons.length === 0) {
    const { value } = await messages.next();
    const frame = value?.told.case === "frame" ? value.told.value : undefined;
    for (const { outcome } of frame?.watchEvents ?? []) {
      if (outcome.case === "ended") reasons.push(outcome.value.info?.reason);
    }
  }
  expect(reasons).toEqual([Reason.SLOW_WATCHER]);
  caller.abort();
  expect((await messages.next()).done).toBe(true);
});

test("1,000 streams that listened and went leave nothing behind", async () => {
  const { client, node, clock } = await createScene();
  const held = countHeld(node);
  const timers = clock.pendingTimers;
  const listeners = [
    { id: 1, hello: hello(5n), watches: [{ id: 1n, request: { prefix: {} } }] },
    { id: 2, hello: hello(6n) },
    { id: 3 },
  ];

  for (let i = 0; i < 1_000; i++) {
    const poll = i % 2 === 0 ? {} : { poll: { seconds: 30n } };
    const listening = new ListenClient(client, { listeners, ...poll });
    for (let turn = 0; turn < i % 50; turn++) await Promise.resolve();
    listening.abort();
  }
  for (let i = 0; i < 5; i++) await settled();

  expect(held.most).toBeGreaterThan(4);
  expect(held.now).toBe(0);
  expect(clock.pendingTimers).toBe(timers);
  for (const partition of node.partitions) expect(partition.watchers.isEmpty).toBe(true);
});

const INVALID = { code: "InvalidArgument", reason: "INVALID_FIELD", outcome: "NOT_APPLIED" };

test.each<[string, object, string]>([
  ["no listener", { listeners: [] }, "listeners"],
  [
    "65 listeners",
    { listeners: Array.from({ length: 65 }, (_, id) => ({ id, hello: {} })) },
    "listeners",
  ],
  ["an id twice", { listeners: [{ id: 1 }, { id: 2 }, { id: 1 }] }, "listeners.id"],
  ["a poll of 31 s", { listeners: [{ id: 1, hello: {} }], poll: { seconds: 31n } }, "poll"],
  ["a poll of less than nothing", { listeners: [{ id: 1 }], poll: { nanos: -1_000_000 } }, "poll"],
])("%s is refused as a whole, and nothing is held for it", async (_, request, field) => {
  const { client, node } = await createScene();
  const held = countHeld(node);
  const read = async () => {
    for await (const _ of client.sessions.listen(request)) void _;
  };
  expect(await refusalOf(read())).toMatchObject({ ...INVALID, field });
  expect(held.most).toBe(0);
});

test("64 listeners are heard", async () => {
  const { client } = await createScene();
  const listeners = Array.from({ length: 64 }, (_, id) => ({ id, hello: {} }));
  const listening = await listenTo(client, { listeners });
  for (let i = 0; i < 10; i++) await settled();
  expect(new Set(listening.heard.map(({ id }) => id)).size).toBe(64);
  expect(listening.end).toBeUndefined();
});

test("a stream whose caller resets it ends with that, and says nothing more", async () => {
  const { client, enter } = await createScene();
  const listening = await listenTo(client, { listeners: [{ id: 1, hello: hello(5n) }] });
  await listening.cancel();
  await enter(5n, "a");
  expect(listening.candidaciesOf(1)).toEqual([]);
  expect(listening.end instanceof Error && describe(listening.end).code).toBe("Canceled");
});
