// SPDX-License-Identifier: Apache-2.0
/** What any node tells of what another one knows, and where there are elections. */

import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { ClusterService } from "@conclave/api/cluster";
import { ClusterQuestionSchema } from "@conclave/api/forward";
import type { Client } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { encodeOperation, encodeOutcome } from "../replica/cluster-operation.ts";
import { createMemoryClient, refusalOf } from "./memory-client.ts";
import { createQuestionWorld } from "./memory-questions.ts";

test("any node tells what any other one knows", async () => {
  const { admin } = await createQuestionWorld();
  expect(await admin(2).status({})).toMatchObject({ node: 2 });
  expect(await admin(2).status({ node: 3 })).toMatchObject({
    node: 3,
    members: [{ isSelf: false }, { isSelf: false }, { isSelf: true }],
  });
  expect(await admin(3).status({ node: 3 })).toMatchObject({ node: 3 });
});

test("the hash that another node is asked for is of its own state", async () => {
  const world = await createQuestionWorld();
  world.group(1).lag(3);
  await world.open(7n);

  const [own, behind] = [
    await world.admin(1).status({ includeHash: true }),
    await world.admin(1).status({ includeHash: true, node: 3 }),
  ];

  expect(own.partitions[0]?.stateHash).not.toBe(0n);
  expect(behind.partitions[0]?.stateHash).not.toBe(own.partitions[0]?.stateHash);
});

const UNREACHABLE = { code: "Unavailable", reason: "NO_LEADER", outcome: "NOT_APPLIED" };

test("a node that cannot be reached is said to be so at once, one that is silent after two seconds", async () => {
  const world = await createQuestionWorld();
  world.ways.fault(2, 3, "cut");
  world.ways.fault(2, 1, "hold");

  expect(await refusalOf(world.admin(2).status({ node: 3 }))).toMatchObject(UNREACHABLE);
  const silent = refusalOf(world.admin(2).status({ node: 1 }));
  let isDone = false;
  void silent.then(() => (isDone = true));
  await world.advance(1_980);
  expect(isDone).toBe(false);
  await world.advance(40);

  expect(await silent).toMatchObject(UNREACHABLE);
});

test("a node to which there is no connection is not asked, and one that is no member is not known", async () => {
  const world = await createQuestionWorld();
  world.gone.add(3).add(9);
  world.ways.fault(2, 3, "hold");
  expect(await refusalOf(world.admin(2).status({ node: 3 }))).toMatchObject(UNREACHABLE);
  expect(world.ways.calls).toEqual([]);
  const unknown = await refusalOf(world.admin(2).status({ node: 9 }));
  expect(unknown).toMatchObject({ reason: "NO_SUCH_MEMBER" });
});

test("a node of a version that does not know the question is out of reach for it", async () => {
  const world = await createQuestionWorld();
  // What a node of the first versions says to an operation that it does not know.
  const older = () => Promise.resolve(encodeOutcome({ kind: "unknown" }));
  world.ways.of(3).serve(older);
  world.ways.of(1).serve(older);
  expect(await refusalOf(world.admin(2).status({ node: 3 }))).toMatchObject(UNREACHABLE);
  expect(await refusalOf(world.admin(2).listSessions({ partition: 1 }))).toMatchObject(UNREACHABLE);
});

test.each<[string, MessageInitShape<typeof ClusterQuestionSchema>]>([
  ["of no kind that is known", {}],
  ["of a partition that is none", { question: { case: "listSessions", value: {} } }],
])("a question %s is not answered, and nothing throws", async (_, question) => {
  const world = await createQuestionWorld();
  const bytes = toBinary(ClusterQuestionSchema, create(ClusterQuestionSchema, question));
  const request = encodeOperation({ kind: "question", question: bytes });
  const rubbish = encodeOperation({ kind: "question", question: Uint8Array.of(255) });
  for (const asked of [request, rubbish]) {
    const options = { giveUpAtMs: world.clock.monotonicMs() + 1_000 };
    expect(await world.ways.of(2).call(1, asked, options)).toEqual({
      kind: "answered",
      answer: encodeOutcome({ kind: "unknown" }),
    });
  }
});

const INVALID = { code: "InvalidArgument", reason: "INVALID_FIELD", outcome: "NOT_APPLIED" };

test.each<[string, (admin: Client<typeof ClusterService>) => Promise<unknown>, object]>([
  [
    "the status of a node that is no member",
    (admin) => admin.status({ node: 9 }),
    { code: "NotFound", reason: "NO_SUCH_MEMBER", outcome: "NOT_APPLIED" },
  ],
  ["a node's number that is none", (admin) => admin.status({ node: 65_536 }), { field: "node" }],
  ["no partition", (admin) => admin.listSessions({}), { field: "partition" }],
  [
    "a partition that is none",
    (admin) => admin.listSessions({ partition: 3 }),
    { field: "partition" },
  ],
  [
    "an instance that is none",
    (admin) => admin.listSessions({ partition: 1, instance: "5" }),
    { field: "instance" },
  ],
  [
    "too large a page of sessions",
    (admin) => admin.listSessions({ partition: 1, pageSize: 1_001 }),
    { field: "page_size" },
  ],
  [
    "a page of sessions after what is no token",
    (admin) => admin.listSessions({ partition: 1, pageToken: "a5" }),
    { field: "page_token" },
  ],
  [
    "too large a page of namespaces",
    (admin) => admin.listNamespaces({ pageSize: 1_001 }),
    { field: "page_size" },
  ],
  [
    "a page of namespaces after what is no token",
    (admin) => admin.listNamespaces({ pageToken: "a" }),
    { field: "page_token" },
  ],
])("%s is refused at once", async (_, call, expected) => {
  const { admin } = await createQuestionWorld();
  expect(await refusalOf(call(admin(2)))).toMatchObject({ ...INVALID, ...expected });
});

test("namespaces come by name with the elections of all partitions, vacant ones too and latches not", async () => {
  const world = await createQuestionWorld();
  const { elections } = createMemoryClient(world.at(1).node);
  let number = 0n;
  await world.open(5n);
  const enter = (name: string, namespace: string, kind = 0) => {
    const command = { sessionId: 5n, number: ++number };
    return elections.enter({ election: { name, namespace, kind }, candidate: "c", command });
  };
  for (const name of ["a", "b", "c", "d"]) await enter(name, "many");
  await enter("a", "");
  await enter("a", "man");
  await enter("a", "only-latches", 2);
  await elections.withdraw({
    election: { name: "d", namespace: "many" },
    candidate: "c",
    command: { sessionId: 5n, number: ++number },
  });

  const { namespaces } = await world.admin(3).listNamespaces({});
  expect(namespaces.map(({ namespace, elections: count }) => [namespace, count])).toEqual([
    ["default", 1n],
    ["man", 1n],
    ["many", 4n],
  ]);

  const seen: string[] = [];
  for (let pageToken = "", page = 0; page === 0 || pageToken !== ""; page++) {
    const answer = await world.admin(2).listNamespaces({ pageSize: 2, pageToken });
    seen.push(...answer.namespaces.map(({ namespace }) => namespace));
    pageToken = answer.nextPageToken;
  }
  expect(seen).toEqual(["default", "man", "many"]);
});
