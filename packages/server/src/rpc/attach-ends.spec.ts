// SPDX-License-Identifier: Apache-2.0
// How Attach streams end whose clients ask for more than they read, leave in the midst, or send what
// is no frame; and that none of them leaves anything behind.

import { create } from "@bufbuild/protobuf";
import { type AttachRequest, AttachRequestSchema } from "@conclave/api";
import { expect, test } from "vitest";
import type { ElectionNode } from "../replica/election-node.ts";
import { createMemoryNode, settled } from "../replica/memory-node.ts";
import { AttachStream } from "./attach-stream.ts";
import { type AttachClient, createMemoryClient, describe } from "./memory-client.ts";
import { countHeld } from "./memory-held.ts";

const S = 5n;
const election = { name: "e" };
/** Of `election` among two partitions. */
const HOME = 1;

async function attach(node: ElectionNode): Promise<AttachClient> {
  const stream = createMemoryClient(node).attach();
  await stream.send({ hello: { session: { sessionId: S } } });
  return stream;
}

const enter = (correlation: bigint, number: bigint) => ({
  correlation,
  command: {
    case: "enter" as const,
    value: { election, candidate: `c${number}`, command: { sessionId: S, number } },
  },
});

test("a frame that asks for more answers than may wait ends its stream, and its watches are not opened", async () => {
  const world = createMemoryNode(2);
  const stream = createMemoryClient(world.node).attach();

  await stream.send({
    hello: {},
    commands: Array.from({ length: 65_600 }, (_, i) => ({ correlation: BigInt(i) })),
    watches: [{ id: 1n, request: { prefix: {} } }],
  });

  await longSettled();

  expect(stream.end instanceof Error && describe(stream.end).reason).toBe("SLOW_WATCHER");
  for (const partition of world.node.partitions) expect(partition.watchers.isEmpty).toBe(true);
});

test("watches that are refused by the ten thousand are told in frames, and beyond what may wait end the stream", async () => {
  const world = createMemoryNode(1);
  const stream = createMemoryClient(world.node).attach();
  const watches = (count: number) => Array.from({ length: count }, (_, i) => ({ id: BigInt(i) }));

  await stream.send({ hello: {}, watches: watches(10_000) });
  expect(stream.watchEvents).toHaveLength(10_000);
  expect(Math.max(...stream.frames.map((frame) => frame.watchEvents.length))).toBeLessThan(3_000);
  await stream.send({ watches: watches(65_600) });

  await longSettled();

  expect(stream.end instanceof Error && describe(stream.end).reason).toBe("SLOW_WATCHER");
});

test("a client that closes its session and then its side hears that the session is closed", async () => {
  const world = createMemoryNode(2);
  const stream = await attach(world.node);
  await stream.send({ commands: [enter(1n, 1n)] });
  world.log(HOME).stall();

  await stream.send({ closeSession: true });
  await stream.halfClose();
  expect(stream.end).toBeUndefined();
  world.log(HOME).resume();
  await settled();

  expect(stream.frames.at(-1)?.goodbye?.reason).toBe("session closed");
});

test("a read that is under way is answered before the goodbye of a closed session", async () => {
  const world = createMemoryNode(2);
  const stream = await attach(world.node);
  world.log(HOME).stallConfirms();

  const get = { correlation: 2n, command: { case: "get" as const, value: { election } } };
  await stream.send({ commands: [get], closeSession: true });
  expect(stream.end).toBeUndefined();
  world.log(HOME).resumeConfirms();
  await settled();

  expect(stream.replies).toMatchObject([{ correlation: 2n, reply: { case: "get" } }]);
  expect(stream.frames.at(-1)?.goodbye?.reason).toBe("session closed");
});

test("views that are large are spread over frames", async () => {
  const world = createMemoryNode(2);
  const stream = await attach(world.node);
  const metadata = { k: "v".repeat(4_000) };
  const commands = Array.from({ length: 60 }, (_, i) => {
    const { correlation, command } = enter(BigInt(i), BigInt(i + 1));
    return { correlation, command: { ...command, value: { ...command.value, metadata } } };
  });
  await stream.send({ commands });
  const before = stream.frames.length;

  const get = { case: "get" as const, value: { election } };
  await stream.send({
    commands: [1n, 2n, 3n].map((correlation) => ({ correlation, command: get })),
  });

  expect(stream.frames.slice(before).map(({ replies }) => replies.length)).toEqual([1, 1, 1]);
});

test("10,000 streams that watched and went leave nothing behind", async () => {
  const world = createMemoryNode(2);
  const held = countHeld(world.node);
  const watches = [{ id: 1n, request: { prefix: {} } }];

  for (let i = 1n; i <= 10_000n; i++) {
    const stream = new AttachStream(world.node, undefined);
    const hello = { session: { sessionId: i } };
    const reading = stream.read(one(create(AttachRequestSchema, { hello, watches })));
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    stream.close();
    await reading;
  }
  // Of each partition a list of candidacies is followed.
  expect(held.most).toBeGreaterThanOrEqual(4);

  expect(held.now).toBe(0);
  for (const partition of world.node.partitions) expect(partition.watchers.isEmpty).toBe(true);
});

async function* one(request: AttachRequest): AsyncGenerator<AttachRequest> {
  yield request;
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

/** Long enough for thousands of answers to go out in frames. */
async function longSettled(): Promise<void> {
  for (let i = 0; i < 20; i++) await settled();
}
