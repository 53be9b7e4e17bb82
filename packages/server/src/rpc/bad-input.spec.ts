// SPDX-License-Identifier: Apache-2.0
import type { PrimitiveKind } from "@conclave/api";
import { stateHash } from "@conclave/fsm";
import { expect, test } from "vitest";
import { createMemoryNode, settled } from "../replica/memory-node.ts";
import { createMemoryClient, type MemoryClient, refusalOf } from "./memory-client.ts";

const election = { name: "e" };
const command = { sessionId: 9n, number: 1n };
const candidate = "a";
const NAME = "1 to 256 bytes of UTF-8 without control characters";
const LONG = "é".repeat(129);

type Row = readonly [
  call: string,
  field: string,
  bound: string,
  run: (c: MemoryClient) => Promise<unknown>,
];

const drain = async (messages: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of messages);
};

const BAD_REFS: readonly (readonly [field: string, bound: string, ref: object | undefined])[] = [
  ["election", "must be set", undefined],
  ["election.name", NAME, { name: "" }],
  ["election.name", NAME, { name: LONG }],
  ["election.name", NAME, { name: "a\u0000b" }],
  ["election.name", NAME, { name: "a\u0085b" }],
  ["election.namespace", NAME, { name: "e", namespace: LONG }],
  ["election.namespace", NAME, { name: "e", namespace: "\n" }],
  ["election.kind", "ELECTION or LATCH", { name: "e", kind: 7 }],
];

const BAD_IDS: readonly (readonly [field: string, bound: string, id: object | undefined])[] = [
  ["command", "must be set", undefined],
  ["command.session_id", "must not be 0", { sessionId: 0n, number: 1n }],
  ["command.number", "1 to 2^53 - 1", { sessionId: 9n, number: 0n }],
  ["command.number", "1 to 2^53 - 1", { sessionId: 9n, number: 1n << 53n }],
  ["command.acknowledged", "below the number of the command", { ...command, acknowledged: 1n }],
];

const BAD_OPTIONS: readonly (readonly [field: string, bound: string, options: object])[] = [
  ["options.reason", "at most 256 bytes of UTF-8", { reason: LONG }],
  ["options.request_id", "at most 128 bytes of UTF-8", { requestId: "é".repeat(65) }],
];

const METADATA = "at most 4096 bytes of UTF-8, keys and values together";
const BAD_METADATA = { k: "é".repeat(2_048) };

/** Every call that names an election, with one election reference. */
const BY_REF: Record<string, (c: MemoryClient, ref: object | undefined) => Promise<unknown>> = {
  Enter: ({ elections }, ref) => elections.enter({ election: ref!, command, candidate }),
  Withdraw: ({ elections }, ref) => elections.withdraw({ election: ref!, command, candidate }),
  UpdateMetadata: (c, ref) => c.elections.updateMetadata({ election: ref!, command, candidate }),
  Anoint: ({ elections }, ref) => elections.anoint({ election: ref!, candidate }),
  Promote: ({ elections }, ref) => elections.promote({ election: ref!, candidate }),
  Demote: ({ elections }, ref) => elections.demote({ election: ref!, candidate }),
  Evict: ({ elections }, ref) => elections.evict({ election: ref!, candidate }),
  Delete: ({ elections }, ref) => elections.delete({ election: ref! }),
  Get: ({ elections }, ref) => elections.get({ election: ref! }),
  CheckFence: ({ elections }, ref) => elections.checkFence({ election: ref!, term: 1n }),
};

const BY_COMMAND: Record<string, (c: MemoryClient, id: object | undefined) => Promise<unknown>> = {
  Enter: (c, id) => c.elections.enter({ election, command: id!, candidate }),
  Withdraw: (c, id) => c.elections.withdraw({ election, command: id!, candidate }),
  UpdateMetadata: (c, id) => c.elections.updateMetadata({ election, command: id!, candidate }),
};

const BY_CANDIDATE: Record<string, (c: MemoryClient, name: string) => Promise<unknown>> = {
  Enter: (c, name) => c.elections.enter({ election, command, candidate: name }),
  Withdraw: (c, name) => c.elections.withdraw({ election, command, candidate: name }),
  UpdateMetadata: (c, name) => c.elections.updateMetadata({ election, command, candidate: name }),
  Anoint: (c, name) => c.elections.anoint({ election, candidate: name }),
  Promote: (c, name) => c.elections.promote({ election, candidate: name }),
  Demote: (c, name) => c.elections.demote({ election, candidate: name }),
  Evict: (c, name) => c.elections.evict({ election, candidate: name }),
};

const BY_OPTIONS: Record<string, (c: MemoryClient, options: object) => Promise<unknown>> = {
  Anoint: (c, options) => c.elections.anoint({ election, candidate, options }),
  Promote: (c, options) => c.elections.promote({ election, candidate, options }),
  Demote: (c, options) => c.elections.demote({ election, candidate, options }),
  Evict: (c, options) => c.elections.evict({ election, candidate, options }),
  Delete: (c, options) => c.elections.delete({ election, options }),
};

const TTL = "500 ms to 24 h, in whole milliseconds";
const GRACE = "0 to the ttl, in whole milliseconds";
const LABELS = "at most 16, keys and values up to 256 bytes of UTF-8";
const seconds = (count: bigint, nanos = 0): { seconds: bigint; nanos: number } => ({
  seconds: count,
  nanos,
});
const seventeen = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, ""]));

const OTHER: readonly Row[] = [
  [
    "Enter",
    "metadata",
    METADATA,
    (c) => c.elections.enter({ election, command, candidate, metadata: BAD_METADATA }),
  ],
  [
    "UpdateMetadata",
    "metadata",
    METADATA,
    (c) => c.elections.updateMetadata({ election, command, candidate, metadata: BAD_METADATA }),
  ],
  ["List", "namespace", NAME, (c) => c.elections.list({ namespace: "\u007f" })],
  [
    "List",
    "prefix",
    "at most 256 bytes of UTF-8 without control characters",
    (c) => c.elections.list({ prefix: LONG }),
  ],
  ["List", "kind", "ELECTION or LATCH", (c) => c.elections.list({ kind: 9 as PrimitiveKind })],
  ["List", "page_size", "1 to 1000, or 0 for 100", (c) => c.elections.list({ pageSize: 1_001 })],
  [
    "List",
    "page_token",
    "from the answer before, to the same request",
    (c) => c.elections.list({ pageToken: "?" }),
  ],
  ["Watch", "elections", "must be set, or prefix", (c) => drain(c.elections.watch({}))],
  [
    "Watch",
    "elections",
    "at most 1024",
    (c) => drain(c.elections.watch({ elections: Array(1_025).fill(election) })),
  ],
  [
    "Watch",
    "elections[1].name",
    NAME,
    (c) => drain(c.elections.watch({ elections: [election, { name: "" }] })),
  ],
  [
    "Watch",
    "prefix",
    "not beside elections",
    (c) => drain(c.elections.watch({ elections: [election], prefix: {} })),
  ],
  [
    "Watch",
    "prefix.prefix",
    "at most 256 bytes of UTF-8 without control characters",
    (c) => drain(c.elections.watch({ prefix: { prefix: "\n" } })),
  ],
  [
    "Watch",
    "after",
    "only with one named election and without resume",
    (c) => drain(c.elections.watch({ prefix: {}, after: 1n })),
  ],
  [
    "Watch",
    "with_base",
    "only with after",
    (c) => drain(c.elections.watch({ elections: [election], withBase: true })),
  ],
  [
    "Watch",
    "resume",
    "from a message of a watch",
    (c) => drain(c.elections.watch({ prefix: {}, resume: Uint8Array.of(9) })),
  ],
  [
    "OpenSession",
    "options.ttl",
    TTL,
    (c) => c.sessions.openSession({ options: { ttl: seconds(0n, 499_000_000) } }),
  ],
  [
    "OpenSession",
    "options.ttl",
    TTL,
    (c) => c.sessions.openSession({ options: { ttl: seconds(86_400n, 1_000_000) } }),
  ],
  [
    "OpenSession",
    "options.ttl",
    TTL,
    (c) => c.sessions.openSession({ options: { ttl: seconds(10n, 1) } }),
  ],
  [
    "OpenSession",
    "options.ttl",
    TTL,
    (c) => c.sessions.openSession({ options: { ttl: seconds(-10n) } }),
  ],
  [
    "OpenSession",
    "options.disconnect_grace",
    GRACE,
    (c) => c.sessions.openSession({ options: { disconnectGrace: seconds(11n) } }),
  ],
  [
    "OpenSession",
    "options.disconnect_grace",
    GRACE,
    (c) => c.sessions.openSession({ options: { disconnectGrace: seconds(-1n) } }),
  ],
  [
    "OpenSession",
    "options.labels",
    LABELS,
    (c) => c.sessions.openSession({ options: { labels: seventeen } }),
  ],
  [
    "OpenSession",
    "options.labels",
    LABELS,
    (c) => c.sessions.openSession({ options: { labels: { k: LONG } } }),
  ],
  ["OpenSession", "partitions", "1 to 2", (c) => c.sessions.openSession({ partitions: [1, 3] })],
  ["OpenSession", "partitions", "1 to 2", (c) => c.sessions.openSession({ partitions: [0] })],
  [
    "KeepAlive",
    "session_id",
    "must not be 0",
    (c) => c.sessions.keepAlive({ renewal: { number: 1n, partitions: [1] } }),
  ],
  ["KeepAlive", "renewal", "must be set", (c) => c.sessions.keepAlive({ sessionId: 9n })],
  [
    "KeepAlive",
    "renewal.number",
    "from 1",
    (c) => c.sessions.keepAlive({ sessionId: 9n, renewal: { partitions: [1] } }),
  ],
  [
    "KeepAlive",
    "renewal.partitions",
    "must not be empty",
    (c) => c.sessions.keepAlive({ sessionId: 9n, renewal: { number: 1n } }),
  ],
  [
    "KeepAlive",
    "renewal.partitions",
    "1 to 2",
    (c) => c.sessions.keepAlive({ sessionId: 9n, renewal: { number: 1n, partitions: [3] } }),
  ],
  ["CloseSession", "session_id", "must not be 0", (c) => c.sessions.closeSession({})],
];

function crossed<T>(
  calls: Record<string, (c: MemoryClient, value: T) => Promise<unknown>>,
  values: readonly (readonly [field: string, bound: string, value: T])[],
): Row[] {
  return Object.entries(calls).flatMap(([call, run]) =>
    values.map(([field, bound, value]): Row => [call, field, bound, (c) => run(c, value)]),
  );
}

const ROWS: readonly Row[] = [
  ...crossed(BY_REF, BAD_REFS),
  ...crossed(BY_COMMAND, BAD_IDS),
  ...crossed(
    BY_CANDIDATE,
    ["", LONG, "a\tb"].map((name) => ["candidate", NAME, name] as const),
  ),
  ...crossed(BY_OPTIONS, BAD_OPTIONS),
  ...OTHER,
];

test.each(ROWS)(
  "%s with a bad %s (%s) is refused and changes nothing",
  async (_, field, bound, run) => {
    const { node, log } = createMemoryNode(2);
    const client = createMemoryClient(node);
    const hashes = node.partitions.map(({ state }) => stateHash(state));

    const refusal = await refusalOf(run(client));
    await settled();

    expect(refusal).toEqual({
      code: "InvalidArgument",
      reason: "INVALID_FIELD",
      outcome: "NOT_APPLIED",
      field,
      bound,
    });
    expect([...log(1).entries, ...log(2).entries]).toEqual([]);
    expect(node.partitions.map(({ state }) => stateHash(state))).toEqual(hashes);
  },
);

test("the largest of everything is taken", async () => {
  const { node } = createMemoryNode(2);
  const { elections, sessions } = createMemoryClient(node);
  const longest = "é".repeat(128);
  const labels = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`k${i}`, longest]));
  await sessions.openSession({
    sessionId: (1n << 64n) - 1n,
    options: { ttl: seconds(86_400n), disconnectGrace: seconds(86_400n), labels },
  });

  const { result } = await elections.enter({
    election: { name: longest, namespace: longest, kind: 2 },
    command: { sessionId: (1n << 64n) - 1n, number: (1n << 53n) - 1n },
    candidate: longest,
    metadata: { k: `x${"é".repeat(2_047)}` },
  });

  expect(result?.leading).toBe(true);
});
