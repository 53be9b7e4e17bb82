// SPDX-License-Identifier: Apache-2.0
/**
 * What a node of S1's clients leaves in its directory, read with nothing but the seed's own messages: the
 * frames around them are walked by number, and no message of ours is known here.
 */

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
import { createPrng, LoopWatch } from "@conclave/base";
import { createHost, type Host } from "@conclave/raft";
import { expect, test } from "vitest";
import { createElectionNode } from "../replica/election-node.ts";
import { memoryIdentity } from "../replica/memory-node.ts";
import { noPeers } from "../replica/peer-calls.ts";
import { raftLogs } from "../replica/raft-log.ts";
import { openS1, S1Client, type S1Door } from "../rpc/memory-s1.ts";
import { createFileDisk } from "./file-disk.ts";
import { systemClock } from "./system-clock.ts";

/** Only against hanging. */
const BOUND_MS = 30_000;

class Place implements AsyncDisposable {
  readonly directory: string;
  readonly #loop = new LoopWatch(systemClock);
  readonly #host: Host;
  readonly door: S1Door;
  #hasStopped = false;

  /** A node of one partition on files of its own, when it leads. */
  static async start(snapshotEveryEntries = 65_536): Promise<Place> {
    const directory = await mkdtemp(join(tmpdir(), "conclave-s1-"));
    const place = new Place(directory, snapshotEveryEntries);
    expect(await place.#host.start()).toEqual({ kind: "started" });
    return place;
  }

  private constructor(directory: string, snapshotEveryEntries: number) {
    const clusterId = new Uint8Array(32).fill(9);
    const shared = { clock: systemClock, loop: this.#loop };
    const host = createHost({
      ...{ ...shared, replica: 1, bootstrap: [1], clusterId, disk: createFileDisk(directory) },
      prng: createPrng(1n),
      transport: { send: () => {} },
      limits: { segmentBytes: 1 << 18, entryBytesMax: 1 << 16, snapshotEveryEntries },
    });
    const node = createElectionNode({
      ...{ ...shared, prng: createPrng(2n), peers: noPeers, openLog: raftLogs(host) },
      cluster: { ...memoryIdentity(1, 1), clusterId },
      failed: (detail) => expect.unreachable(detail),
    });
    this.directory = directory;
    this.#host = host;
    this.door = openS1({ node, clock: systemClock });
    this.#loop.start();
  }

  /** What is written later than this is not in its files. */
  async stop(): Promise<void> {
    if (this.#hasStopped) return;
    this.#hasStopped = true;
    this.#loop.stop();
    await this.#host.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true });
  }
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

async function tell({ door }: Place): Promise<S1Client> {
  const one = await S1Client.open(door);
  await one.create();
  for (const [verb, candidate] of STORY) await one.ask(verb, candidate);
  return one;
}

test("every command in the log is a LeaderElectionInput of the seed, Demote among them", async () => {
  await using place = await Place.start();
  await tell(place);
  await place.stop();

  const inputs = (await recordsOf(place, /^log-/, PROPOSAL))
    .map((payload) => payload.subarray(ENTRY_PREFIX_BYTES))
    .flatMap((entry) => fieldsOf(entry, COMMANDS))
    .flatMap((command) => fieldsOf(command, DIALECT_CALL))
    .flatMap((call) => fieldsOf(call, CALL_INPUT))
    .map((bytes) => fromBinary(LeaderElectionInputSchema, bytes));

  expect(inputs.map(showInput)).toEqual(STORY.map(([verb, candidate]) => `${verb} ${candidate}`));
});

test("a snapshot holds elections as the seed's LeaderElectionSnapshot, answers as its LeaderElectionOutput", async () => {
  await using place = await Place.start(8);
  const { sessionId } = await tell(place);
  const snapshots = async (): Promise<string[]> => {
    const names = await readdir(place.directory);
    return names.filter((name) => /^snapshot-[\d-]+$/.test(name)).sort(byIndex);
  };
  await expect.poll(snapshots, { timeout: BOUND_MS }).not.toEqual([]);
  await place.stop();

  const last = await snapshots();
  const chunks = unframed(await recordsOf(place, last.at(-1)!, CHUNK));
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
  { directory }: Place,
  name: RegExp | string,
  type: number,
): Promise<Uint8Array[]> {
  const isWanted = (file: string): boolean =>
    typeof name === "string" ? file === name : name.test(file);
  const payloads: Uint8Array[] = [];
  for (const file of (await readdir(directory)).filter(isWanted).sort()) {
    const bytes = new Uint8Array(await readFile(join(directory, file)));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at + FRAME_BYTES <= bytes.length && view.getUint32(at + 16, true) !== 0; ) {
      const end = at + FRAME_BYTES + view.getUint32(at + 4, true);
      if (view.getUint32(at + 16, true) === type) payloads.push(bytes.slice(at + FRAME_BYTES, end));
      at = end;
    }
  }
  return payloads;
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
