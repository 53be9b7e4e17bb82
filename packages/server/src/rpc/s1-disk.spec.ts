// SPDX-License-Identifier: Apache-2.0
/**
 * What a node of S1's clients leaves on its disk, read with nothing but the seed's own messages: the
 * frames around them are walked by number, and no message of ours is known here.
 */

import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import {
  type LeaderElectionInput,
  LeaderElectionInputSchema,
  type LeaderElectionOutput,
  LeaderElectionOutputSchema,
  type LeaderElectionSnapshot,
  LeaderElectionSnapshotSchema,
} from "@conclave/api/s1";
import { createManualClock, createPrng, LoopWatch, type ManualClock } from "@conclave/base";
import { createHost } from "@conclave/raft";
import { createMemoryDisk, type MemoryDisk } from "@conclave/raft/memory";
import { expect, test } from "vitest";
import { createElectionNode } from "../replica/election-node.ts";
import { memoryIdentity, settled } from "../replica/memory-node.ts";
import { noPeers } from "../replica/peer-calls.ts";
import { raftLogs } from "../replica/raft-log.ts";
import { openS1, S1Client, type S1Door } from "./memory-s1.ts";

interface Node {
  readonly door: S1Door;
  readonly clock: ManualClock;
}

async function advance(clock: ManualClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 20) {
    clock.advance(20);
    await settled();
  }
}

/** A node of one partition, on the real store, when it leads. */
async function start(disk: MemoryDisk, snapshotEveryEntries: number): Promise<Node> {
  const clock = createManualClock();
  const loop = new LoopWatch(clock);
  const clusterId = new Uint8Array(32).fill(9);
  const host = createHost({
    ...{ replica: 1, bootstrap: [1], clusterId, disk, clock, loop },
    prng: createPrng(1n),
    transport: { send: () => {} },
    limits: { segmentBytes: 1 << 18, entryBytesMax: 1 << 16, snapshotEveryEntries },
  });
  const node = createElectionNode({
    ...{ clock, loop, prng: createPrng(2n), peers: noPeers, openLog: raftLogs(host) },
    cluster: { ...memoryIdentity(1, 1), clusterId },
    failed: (detail) => expect.unreachable(detail),
  });
  loop.start();
  expect(await host.start()).toEqual({ kind: "started" });
  await advance(clock, 2_000);
  return { door: openS1({ node, clock }), clock };
}

/** Every verb of S1 once. */
const STORY = [
  ["enter", "a"],
  ["enter", "b"],
  ["enter", "c"],
  ["demote", "b"],
  ["promote", "c"],
  ["anoint", "a"],
  ["withdraw", "c"],
  ["evict", "b"],
  ["enter", "b"],
] as const;

async function tell({ door }: Node): Promise<S1Client> {
  const one = await S1Client.open(door);
  await one.create();
  for (const [verb, candidate] of STORY) await one.ask(verb, candidate);
  return one;
}

test("every command in the log is a LeaderElectionInput of the seed, Demote among them", async () => {
  const disk = createMemoryDisk();
  await tell(await start(disk, 65_536));

  const inputs = (await recordsOf(disk, /^log-/, PROPOSAL))
    .map((payload) => payload.subarray(ENTRY_PREFIX_BYTES))
    .flatMap((entry) => fieldsOf(entry, COMMANDS))
    .flatMap((command) => fieldsOf(command, DIALECT_CALL))
    .flatMap((call) => fieldsOf(call, CALL_INPUT))
    .map((bytes) => fromBinary(LeaderElectionInputSchema, bytes));

  expect(inputs.map(showInput)).toEqual(STORY.map(([verb, candidate]) => `${verb} ${candidate}`));
});

test("a snapshot holds elections as the seed's LeaderElectionSnapshot, answers as its LeaderElectionOutput", async () => {
  const disk = createMemoryDisk();
  const node = await start(disk, 8);
  const { sessionId } = await tell(node);
  await advance(node.clock, 2_000);

  const last = [...disk.files().keys()]
    .filter((name) => name.startsWith("snapshot-"))
    .sort(byIndex);
  const chunks = unframed(await recordsOf(disk, last.at(-1)!, CHUNK));
  const elections = chunks
    .flatMap((chunk) => fieldsOf(chunk, ELECTIONS))
    .flatMap((record) => fieldsOf(record, ELECTION_STATE))
    .map((bytes) => fromBinary(LeaderElectionSnapshotSchema, bytes));
  const outputs = chunks
    .flatMap((chunk) => fieldsOf(chunk, SESSIONS))
    .flatMap((record) => fieldsOf(record, SESSION_REPLIES))
    .flatMap((numbered) => fieldsOf(numbered, NUMBERED_REPLY))
    .flatMap((reply) => fieldsOf(reply, DIALECT_REPLY))
    .flatMap((reply) => fieldsOf(reply, REPLY_OUTPUT))
    .map((bytes) => fromBinary(LeaderElectionOutputSchema, bytes));

  expect(elections).toHaveLength(1);
  const [election] = elections;
  expect(outputs.map(showOutput)).toEqual(TOLD.slice(0, outputs.length));
  expect(outputs.length).toBeGreaterThan(STORY.findIndex(([verb]) => verb === "demote") + 1);
  expect(showSnapshot(election!)).toBe(TOLD[outputs.length - 1]!.replace(/^\w+: /, ""));
  expect(election!.leader?.sessionId).toBe(sessionId);
});

/** What the creation and then every verb of the story is answered with. */
const TOLD = [
  "getTerm: 0 - []",
  "enter: 1 a []",
  "enter: 1 a [b]",
  "enter: 1 a [b c]",
  "demote: 1 a [c b]",
  "promote: 2 c [a b]",
  "anoint: 3 a [c b]",
  "withdraw: 3 a [b]",
  "evict: 3 a []",
  "enter: 3 a [b]",
];

function showInput({ input }: LeaderElectionInput): string {
  const candidate =
    input.value !== undefined && "candidate" in input.value && input.value.candidate;
  return `${input.case} ${candidate}`;
}

function showOutput({ output }: LeaderElectionOutput): string {
  const { index = 0n, leader = "", candidates = [] } = output.value?.term ?? {};
  return `${output.case}: ${index} ${leader || "-"} [${candidates.join(" ")}]`;
}

function showSnapshot({ term, leader, candidates }: LeaderElectionSnapshot): string {
  return `${term} ${leader?.name ?? "-"} [${candidates.map(({ name }) => name).join(" ")}]`;
}

/** The frame of every record in every file: four words and a type before the payload. */
const FRAME_BYTES = 20;
const PROPOSAL = 4;
const CHUNK = 8;
/** Index and raftTerm, before a proposal's own bytes. */
const ENTRY_PREFIX_BYTES = 16;

/** Numbers of fields on the way to what is the seed's. */
const COMMANDS = 3;
const DIALECT_CALL = 8;
const CALL_INPUT = 3;
const SESSIONS = 3;
const SESSION_REPLIES = 11;
const NUMBERED_REPLY = 2;
const DIALECT_REPLY = 2;
const REPLY_OUTPUT = 5;
const ELECTIONS = 4;
const ELECTION_STATE = 2;

/** The payloads of one type, from all files of that name, in order. */
async function recordsOf(
  disk: MemoryDisk,
  name: RegExp | string,
  type: number,
): Promise<Uint8Array[]> {
  const isWanted = (file: string): boolean =>
    typeof name === "string" ? file === name : name.test(file);
  const payloads: Uint8Array[] = [];
  for (const file of [...disk.files().keys()].filter(isWanted).sort()) {
    const bytes = await contentOf(disk, file);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at + FRAME_BYTES <= bytes.length && view.getUint32(at + 16, true) !== 0; ) {
      const end = at + FRAME_BYTES + view.getUint32(at + 4, true);
      if (view.getUint32(at + 16, true) === type) payloads.push(bytes.slice(at + FRAME_BYTES, end));
      at = end;
    }
  }
  return payloads;
}

async function contentOf(disk: MemoryDisk, name: string): Promise<Uint8Array> {
  const opened = await disk.open(name);
  if (opened.kind === "fault") throw new Error(opened.detail);
  const read = await opened.value.read(0, disk.files().get(name)!);
  if (read.kind === "fault") throw new Error(read.detail);
  return read.value;
}

/** The chunks of a snapshot, each behind its length, out of the records that they were cut into. */
function unframed(records: readonly Uint8Array[]): Uint8Array[] {
  const bytes = new Uint8Array(records.flatMap((record) => [...record]));
  const view = new DataView(bytes.buffer);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + view.getUint32(at);
    chunks.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return chunks;
}

/** The values of one field of a message that nobody here knows. */
function fieldsOf(message: Uint8Array, wanted: number): Uint8Array[] {
  const reader = new BinaryReader(message);
  const values: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === wanted && wireType === WireType.LengthDelimited) values.push(reader.bytes());
    else reader.skip(wireType, field);
  }
  return values;
}

function byIndex(a: string, b: string): number {
  return Number(a.split("-").at(-1)) - Number(b.split("-").at(-1));
}
