// SPDX-License-Identifier: Apache-2.0

import type { MessageInitShape } from "@bufbuild/protobuf";
import { type AttachCommandSchema, CandidacyState, Cause, LeaseStatus } from "@conclave/api";
import { expect, test } from "vitest";
import { createMemoryNode, type MemoryNode, settled } from "../replica/memory-node.ts";
import type { Connection } from "./connection-context.ts";
import { type AttachClient, createMemoryClient, describe } from "./memory-client.ts";
import { MemoryConnection } from "./memory-connection.ts";

type CommandInit = MessageInitShape<typeof AttachCommandSchema>;

const election = { name: "e" };
const ELECTION = { kind: "election", namespace: "default", name: "e" } as const;
const S = 5n;

/** Of `ELECTION` among two partitions. */
const HOME = 1;

function enter(correlation: bigint, candidate: string, number: bigint, sessionId = S): CommandInit {
  const command = { sessionId, number };
  return { correlation, command: { case: "enter", value: { election, candidate, command } } };
}

function anoint(correlation: bigint, candidate: string): CommandInit {
  return { correlation, command: { case: "anoint", value: { election, candidate } } };
}

async function attach(
  world: MemoryNode,
  options: { sessionId?: bigint; graceMs?: number; connection?: Connection } = {},
): Promise<AttachClient> {
  const { sessionId = S, graceMs = 0, connection } = options;
  const stream = createMemoryClient(world.node, connection).attach();
  const disconnectGrace = { seconds: 0n, nanos: graceMs * 1_000_000 };
  await stream.send({ hello: { session: { sessionId, options: { disconnectGrace } } } });
  return stream;
}

function isOpen({ node }: MemoryNode): boolean {
  const session = node.partition(HOME).session(S);
  return session !== undefined && session !== "ended";
}

test("a stream begins with who the cluster is and as whom the session is shown", async () => {
  const world = createMemoryNode(2);

  const stream = await attach(world, { sessionId: 1n });

  expect(stream.frames).toHaveLength(1);
  expect(stream.frames[0]?.welcome).toMatchObject({
    instance: "cd2662154e6d76b2",
    cluster: { partitionCount: 2, node: 1 },
  });
});

test("the first Enter on a partition registers the session in the same entry, and says so", async () => {
  const world = createMemoryNode(2);
  const stream = await attach(world);

  await stream.send({ commands: [enter(1n, "a", 1n)] });
  await stream.send({ commands: [enter(2n, "b", 2n)] });

  expect(world.log(HOME).entries).toHaveLength(2);
  expect(stream.replies.map(({ reply }) => reply.value)).toMatchObject([
    { result: { registered: true, leading: true, term: 1n } },
    { result: { registered: false, leading: false } },
  ]);
});

test("the commands of a frame go into one entry, and their answers into one frame", async () => {
  const world = createMemoryNode(2);
  const stream = await attach(world);
  const before = stream.frames.length;

  const commands = Array.from({ length: 64 }, (_, i) => enter(BigInt(i), `c${i}`, BigInt(i + 1)));
  await stream.send({ commands });

  expect(world.log(HOME).entries).toHaveLength(1);
  expect(stream.frames).toHaveLength(before + 1);
  expect(stream.replies.map(({ correlation }) => correlation)).toEqual(
    commands.map(({ correlation }) => correlation),
  );
});

test("a command that is refused is answered with an error under its correlation; the stream goes on", async () => {
  const world = createMemoryNode(2);
  const stream = await attach(world);
  const withoutName = { election: { name: "" }, candidate: "a" };

  await stream.send({
    commands: [
      { correlation: 7n, command: { case: "anoint", value: withoutName } },
      { correlation: 8n },
      enter(9n, "a", 1n, 6n),
      enter(10n, "a", 1n),
    ],
  });

  const errors = stream.replies.map(({ correlation, reply }) =>
    reply.case === "error" ? [correlation, reply.value.code, reply.value.info?.field] : correlation,
  );
  expect(errors).toEqual([
    [7n, "invalid_argument", "election.name"],
    [8n, "invalid_argument", "commands.command"],
    [9n, "invalid_argument", "command.session_id"],
    10n,
  ]);
  expect(stream.end).toBeUndefined();
});

test("only the sessions that a change concerns are told of it", async () => {
  const world = createMemoryNode(2);
  const [a, b, c] = [
    await attach(world, { sessionId: 1n }),
    await attach(world, { sessionId: 2n }),
    await attach(world, { sessionId: 3n }),
  ];
  await a.send({ commands: [enter(1n, "a", 1n, 1n)] });
  await b.send({ commands: [enter(1n, "b", 1n, 2n)] });
  await c.send({ commands: [enter(1n, "c", 1n, 3n)] });

  await c.send({ commands: [anoint(2n, "b")] });
  await a.send({ closeSession: true });

  const told = ({ candidacies }: AttachClient): unknown =>
    candidacies.map(({ state, cause, term }) => [CandidacyState[state], Cause[cause], term]);
  expect(told(a)).toEqual([
    ["LEADING", "ENTERED", 1n],
    ["WAITING", "ANOINTED", 2n],
    ["GONE", "WITHDRAWN", 2n],
  ]);
  expect(told(b)).toEqual([["LEADING", "ANOINTED", 2n]]);
  expect(told(c)).toEqual([]);
});

test("a session that attaches again is told its candidacies and up to which revision that holds", async () => {
  const world = createMemoryNode(2);
  const first = await attach(world);
  await first.send({ commands: [enter(1n, "a", 1n), enter(2n, "b", 2n)] });
  await first.cancel();
  const { elections } = createMemoryClient(world.node);
  await elections.evict({ election, candidate: "a" });

  const second = await attach(world);

  expect(second.candidacies).toMatchObject([
    { candidate: "b", state: CandidacyState.LEADING, term: 2n, revision: 3n, partition: HOME },
  ]);
  const told = second.frames.flatMap(({ candidaciesTold }) => candidaciesTold);
  expect(told).toMatchObject([{ partition: HOME, revision: 3n }]);
});

test("a candidacy that is taken over is gone for the session that had it, and leads for the other", async () => {
  const world = createMemoryNode(2);
  const [first, second] = [await attach(world), await attach(world, { sessionId: 6n })];
  await first.send({ commands: [enter(1n, "a", 1n)] });

  const command = { sessionId: 6n, number: 1n };
  const value = { election, command, candidate: "a", takeover: true };
  await second.send({ commands: [{ correlation: 1n, command: { case: "enter", value } }] });

  const told = ({ candidacies }: AttachClient): string[] =>
    candidacies.map(({ state }) => CandidacyState[state]);
  expect(told(first)).toEqual(["LEADING", "GONE"]);
  expect(told(second)).toEqual(["LEADING"]);
});

test("a renewal is answered per partition, with the revision of the last change of office", async () => {
  const world = createMemoryNode(2);
  const stream = await attach(world);
  await stream.send({ commands: [enter(1n, "a", 1n)] });

  await stream.send({ renewals: [{ number: 3n, partitions: [1, 2] }] });

  const leases = [...stream.leases].sort((x, y) => x.partition - y.partition);
  expect(leases).toMatchObject([
    { partition: 1, status: LeaseStatus.CONFIRMED, number: 3n, officeRevision: 1n },
    { partition: 2, status: LeaseStatus.NOT_REGISTERED },
  ]);
});

test("schedule E: a stream that the client breaks off starts the grace", async () => {
  const world = createMemoryNode(2);
  const stream = await attach(world, { graceMs: 500 });
  await stream.send({ commands: [enter(1n, "a", 1n)] });

  await stream.cancel();
  await world.advance(480);
  expect(isOpen(world)).toBe(true);
  await world.advance(80);

  expect(isOpen(world)).toBe(false);
});

test("schedule E: a stream that the client ends in order starts the grace too", async () => {
  const world = createMemoryNode(2);
  const stream = await attach(world, { graceMs: 500 });
  await stream.send({ commands: [enter(1n, "a", 1n)] });

  await stream.halfClose();
  await world.advance(600);

  expect(isOpen(world)).toBe(false);
});

test("a client that ends its side in order still gets the answers of what it has sent", async () => {
  const world = createMemoryNode(2);
  const stream = await attach(world);
  world.log(HOME).stall();
  await stream.send({ commands: [enter(1n, "a", 1n)] });

  await stream.halfClose();
  expect(stream.end).toBeUndefined();
  world.log(HOME).resume();
  await settled();

  expect(stream.replies).toMatchObject([{ correlation: 1n, reply: { case: "enter" } }]);
  expect(stream.end).toBe("closed");
});

test("schedule E: a connection that the server ended itself does not start the grace", async () => {
  const world = createMemoryNode(2);
  const connection = new MemoryConnection();
  const stream = await attach(world, { graceMs: 500, connection });
  await stream.send({ commands: [enter(1n, "a", 1n)] });

  connection.endedByServer = true;
  await stream.cancel();
  await world.advance(9_000);
  expect(isOpen(world)).toBe(true);
  await world.advance(1_100);

  expect(isOpen(world)).toBe(false);
});

test("schedule E: a node that shuts down says goodbye and starts no grace", async () => {
  const world = createMemoryNode(2);
  const stream = await attach(world, { graceMs: 500 });
  await stream.send({ commands: [enter(1n, "a", 1n)] });

  world.node.beginShutdown();
  await settled();
  await world.advance(5_000);

  expect(stream.frames.at(-1)?.goodbye?.reason).toBe("shutting down");
  expect(stream.end).toBe("closed");
  expect(isOpen(world)).toBe(true);
});

test("schedule E: a client that leaves while the node shuts down starts no grace", async () => {
  const world = createMemoryNode(2);
  const stream = await attach(world, { graceMs: 500 });
  await stream.send({ commands: [enter(1n, "a", 1n)] });
  world.log(HOME).stall();
  await stream.send({ commands: [enter(2n, "b", 2n)] });

  world.node.beginShutdown();
  await stream.cancel();
  world.log(HOME).resume();
  await world.advance(2_000);

  expect(isOpen(world)).toBe(true);
});

test("a stop waits for the commands that are under way before it says goodbye", async () => {
  const world = createMemoryNode(2);
  const stream = await attach(world);
  world.log(HOME).stall();
  await stream.send({ commands: [enter(1n, "a", 1n)] });

  world.node.beginShutdown();
  await settled();
  expect(stream.end).toBeUndefined();
  world.log(HOME).resume();
  await settled();

  expect(stream.replies).toMatchObject([{ reply: { case: "enter" } }]);
  expect(stream.frames.at(-1)?.goodbye).toBeDefined();
});

test("close_session ends all candidacies at once, tells of them, and then says goodbye", async () => {
  const world = createMemoryNode(2);
  const stream = await attach(world);
  await stream.send({ commands: [enter(1n, "a", 1n)] });

  await stream.send({ closeSession: true });

  expect(stream.candidacies.at(-1)).toMatchObject({ state: CandidacyState.GONE });
  expect(stream.frames.at(-1)?.goodbye?.reason).toBe("session closed");
  expect(world.node.partition(HOME).view(ELECTION).leader).toBeUndefined();
  expect(world.node.partition(HOME).session(S)).toBe("ended");
});

test.each([
  ["nothing in the first frame", {}, "hello"],
  ["a session id of 0", { hello: { session: {} } }, "hello.session.session_id"],
  [
    "a TTL that is too short",
    { hello: { session: { sessionId: S, options: { ttl: { nanos: 1_000_000 } } } } },
    "hello.session.options.ttl",
  ],
  ["a renewal without a session", { hello: {}, renewals: [{ number: 1n }] }, "renewals"],
  ["closing without a session", { hello: {}, closeSession: true }, "close_session"],
])("%s ends the stream with the field's name", async (_, frame, field) => {
  const stream = createMemoryClient(createMemoryNode(2).node).attach();

  await stream.send(frame);

  expect(stream.end).toBeInstanceOf(Error);
  if (stream.end instanceof Error) {
    expect(describe(stream.end)).toMatchObject({ code: "InvalidArgument", field });
  }
});

test.each([
  ["without a number", { number: 0n, partitions: [1] }, "renewals.number"],
  ["without partitions", { number: 1n, partitions: [] }, "renewals.partitions"],
  ["of an unknown partition", { number: 1n, partitions: [3] }, "renewals.partitions"],
])("a renewal %s ends the stream with the field's name", async (_, renewal, field) => {
  const stream = await attach(createMemoryNode(2));

  await stream.send({ renewals: [renewal] });

  expect(stream.end instanceof Error && describe(stream.end).field).toBe(field);
});

test("a second hello ends the stream", async () => {
  const stream = await attach(createMemoryNode(2));

  await stream.send({ hello: {} });

  expect(stream.end instanceof Error && describe(stream.end).field).toBe("hello");
});

test("attaching to a session under other options is refused", async () => {
  const world = createMemoryNode(2);
  const first = await attach(world, { graceMs: 500 });
  await first.send({ commands: [enter(1n, "a", 1n)] });

  const second = await attach(world, { graceMs: 600 });

  expect(second.end instanceof Error && describe(second.end).reason).toBe("SESSION_MISMATCH");
  expect(isOpen(world)).toBe(true);
});

test("a stream without a session reads, watches and serves operators", async () => {
  const world = createMemoryNode(2);
  const leader = await attach(world);
  await leader.send({ commands: [enter(1n, "a", 1n), enter(2n, "b", 2n)] });
  const stream = createMemoryClient(world.node).attach();

  await stream.send({
    hello: {},
    commands: [anoint(1n, "b"), { correlation: 2n, command: { case: "list", value: {} } }],
    watches: [{ id: 1n, request: { elections: [election] } }],
  });

  expect(stream.replies.map(({ reply }) => reply.case).sort()).toEqual(["anoint", "list"]);
  expect(stream.watchEvents.length).toBeGreaterThan(0);
});

test("watches begin, go on and end by the client's ids, each refusal under its own", async () => {
  const world = createMemoryNode(2);
  const stream = await attach(world);
  const request = { elections: [election] };

  await stream.send({
    watches: [
      { id: 1n, request },
      { id: 1n, request },
      { id: 2n, request: {} },
      { id: 3n },
      { id: 4n, request: { prefix: {} } },
    ],
  });
  const ended = stream.watchEvents.filter(({ outcome }) => outcome.case === "ended");
  expect(ended.map(({ id }) => id)).toEqual([1n, 2n, 3n]);
  const before = stream.watchEvents.length;
  await stream.send({ unwatch: [4n] });
  await stream.send({ commands: [enter(1n, "a", 1n)] });

  const later = stream.watchEvents.slice(before);
  expect(later.map(({ id, outcome }) => [id, outcome.case])).toEqual([[1n, "event"]]);
});

test("a stream that has ended leaves nothing behind in the node", async () => {
  const world = createMemoryNode(2);
  const stream = await attach(world);
  await stream.send({ watches: [{ id: 1n, request: { prefix: {} } }] });

  await stream.cancel();

  for (const partition of world.node.partitions) expect(partition.watchers.isEmpty).toBe(true);
});
