// SPDX-License-Identifier: Apache-2.0
/**
 * A follower that is told, message by message, to replace entries of its log, and its log by a leader's
 * snapshot: its power fails at every operation of the disk, and what it told others still holds.
 */

import { createManualClock, createPrng, LoopWatch, type ManualClock } from "@conclave/base";
import { expect, test } from "vitest";
import type { RaftMessage } from "./core/message.ts";
import type { Group } from "./group.ts";
import { createHost, type Host } from "./host.ts";
import type { ReplicaId } from "./ids.ts";
import type { LogEntry } from "./log/entry.ts";
import { type CrashFate, createMemoryDisk, type MemoryDisk, randomFate } from "./memory/index.ts";
import { bytesOf, settle } from "./spec/lone-host.ts";

const SELF: ReplicaId = 3;
const VOTERS: readonly ReplicaId[] = [1, 2, SELF];
const CONFIGURATION = { voters: VOTERS, outgoing: [], learners: [] };
const LIMITS = { segmentBytes: 4096, entryBytesMax: 1024, snapshotEveryEntries: 5 };

/** A leader of one raftTerm, with the raftTerms of the entries of its log from index 1 on. */
interface Leader {
  readonly replica: ReplicaId;
  readonly raftTerm: number;
  readonly terms: readonly number[];
}

interface Step {
  readonly from: ReplicaId;
  readonly message: RaftMessage;
}

const FIRST: Leader = { replica: 1, raftTerm: 1, terms: [1, 1, 1, 1, 1, 1] };
const SECOND: Leader = { replica: 2, raftTerm: 2, terms: [1, 1, 2, 2] };
const THIRD: Leader = { replica: 1, raftTerm: 3, terms: [1, 1, 2, 3, 3, 3, 3, 3] };
const LATER: Leader = { replica: 2, raftTerm: 4, terms: [1, 1, 2, 2, 4, 4, 4, 4, 4, 4, 4, 4] };

const REPLACED: readonly Step[] = [
  append(FIRST, 1, 4, 0),
  append(FIRST, 5, 6, 1),
  append(SECOND, 3, 4, 2),
  append(THIRD, 4, 5, 3),
  append(THIRD, 6, 8, 3),
  heartbeat(THIRD, 6),
  voteRequest(2, 5),
];

const INSTALLED: readonly Step[] = [
  append(FIRST, 1, 6, 2),
  ...install(LATER, 5),
  append(LATER, 6, 7, 6),
  // A log that ends before the snapshot, and one that goes on behind it.
  ...install(LATER, 10),
  append(LATER, 11, 12, 11),
  voteRequest(1, 6),
];

test("entries are replaced: a cut at any operation leaves what was told and loses no vote", async () => {
  await cutEverywhere(REPLACED, THIRD);
});

test("a snapshot is installed: a cut at any operation leaves what was told and loses no vote", async () => {
  await cutEverywhere(INSTALLED, LATER);
});

test("a snapshot that is whole when the disk refuses the one before it is asked for again", async () => {
  const node = await started(createMemoryDisk());
  await say(node, append(FIRST, 1, 6, 2));
  node.disk.refuse("create", "io", 1);
  const [part] = install({ ...LATER, replica: 1, raftTerm: 3 }, 5);
  const [whole] = install(LATER, 5, 1);
  hear(node, part!);
  hear(node, whole!);
  await settle();
  expect(node.told.some((one) => one.kind === "install-snapshot-response" && one.isInstalled)).toBe(
    false,
  );

  node.clock.advance(1_000);
  await say(node, whole!);

  expect(node.told.at(-1)).toMatchObject({ snapshotIndex: 5, isInstalled: true });
  expect(node.machine.get(5)).toBe(textOf(LATER, 5));
});

test("a snapshot takes the state's place when nobody reads it any more", async () => {
  const node = await started(createMemoryDisk());
  await say(node, append(FIRST, 1, 6, 2));
  const release = node.group.hold();
  for (const step of install(LATER, 5)) await say(node, step);
  expect([...node.machine.keys()]).toEqual([1, 2]);

  release();
  await settle();

  expect([...node.machine.keys()]).toEqual([1, 2, 3, 4, 5]);
  expect(node.told.at(-1)).toMatchObject({ snapshotIndex: 5, isInstalled: true });
});

test("a log that should be shortened is not while a leader's snapshot waits to take its place", async () => {
  const node = await started(createMemoryDisk());
  // More files than are suffered, all of them this group's.
  await say(node, append({ ...FIRST, terms: Array(90).fill(1) }, 1, 90, 2));
  await settle();
  await settle();
  expect([...node.disk.files().keys()].filter((name) => name.startsWith("log-")).length).toBe(13);
  const release = node.group.hold();
  for (const step of install(LATER, 5)) await say(node, step);
  await say(node, voteRequest(1, 6));
  expect(node.told.at(-1)).toMatchObject({ kind: "vote-response", isGranted: true });

  release();
  await settle();

  expect(node.told.at(-1)).toMatchObject({ snapshotIndex: 5, isInstalled: true });
});

test("what a former leader had proposed is unknown when a snapshot that may hold it is installed", async () => {
  const node = await started(createMemoryDisk());
  await say(node, append(FIRST, 1, 6, 6));
  await say(node, { from: 1, message: { kind: "timeout-now", raftTerm: 1 } });
  await say(node, { from: 1, message: { kind: "vote-response", raftTerm: 2, isGranted: true } });
  const accepted = { kind: "append-entries-accepted", raftTerm: 2, matchIndex: 7 } as const;
  await say(node, { from: 1, message: accepted });
  expect(node.group.role).toEqual({ kind: "leader", raftTerm: 2 });
  const outcome = node.group.propose(bytesOf("mine"));
  await settle();

  const next: Leader = { replica: 2, raftTerm: 4, terms: [1, 1, 1, 1, 1, 1, 2, 2, 4, 4, 4] };
  for (const step of install(next, 10)) await say(node, step);
  await say(node, append(next, 11, 11, 11));

  expect(node.machine.get(11)).toBe(textOf(next, 11));
  expect(await outcome).toEqual({ kind: "unknown" });
});

async function cutEverywhere(script: readonly Step[], last: Leader): Promise<void> {
  const whole = await played(createMemoryDisk(), script);
  expect(whole.told.at(-1)).toMatchObject({ kind: "vote-response", isGranted: true });
  const matches = whole.told.flatMap((told) => promiseOf(told) ?? []);
  expect(Math.max(...matches.map(({ matchIndex }) => matchIndex))).toBe(last.terms.length);
  const total = whole.disk.operations;
  for (let operation = 0; operation < total; operation++) {
    const prng = createPrng(BigInt(operation));
    const fates: readonly (CrashFate | "kill")[] = ["kill", { kind: "lose-all" }, randomFate(prng)];
    for (const [i, fate] of fates.entries()) {
      const disk = createMemoryDisk();
      disk.cutAt(operation, i * 600);
      const cut = await played(disk, script);
      const after = fate === "kill" ? disk.kill() : disk.crash(fate);
      await verify(cut, after, last, `cut at ${operation} of ${total}, fate ${i}`);
    }
  }
}

/** What was told before the cut is asked again of the next process; then it follows the last leader. */
async function verify(cut: Node, disk: MemoryDisk, last: Leader, where: string): Promise<void> {
  const node = await started(disk);
  const { told } = node;
  const vote = cut.told.findLast((one) => one.kind === "vote-response" && one.isGranted);
  if (vote !== undefined) {
    await say(node, voteRequest(vote.raftTerm === 5 ? 1 : 2, vote.raftTerm));
    expect(told.at(-1), where).toMatchObject({ kind: "vote-response", isGranted: false });
  }
  const status = node.group.status();
  // A later leader's entries may have come to the disk without being told of.
  const kept = cut.told
    .flatMap((one) => promiseOf(one) ?? [])
    .filter((one) => one.raftTerm === status.raftTerm || one.raftTerm === last.raftTerm);
  const matchIndex = Math.max(0, ...kept.map((one) => one.matchIndex));
  expect(status.lastIndex, where).toBeGreaterThanOrEqual(matchIndex);

  const leader = { ...last, raftTerm: Math.max(status.raftTerm, last.raftTerm) + 1 };
  let prev = Math.min(status.lastIndex, leader.terms.length);
  for (; prev >= 0; prev--) {
    await say(node, append(leader, prev + 1, prev, 0));
    if (told.at(-1)?.kind === "append-entries-accepted") break;
  }
  const isToLast = kept.at(-1)?.raftTerm === last.raftTerm;
  if (isToLast) expect(prev, where).toBeGreaterThanOrEqual(matchIndex);
  await say(node, append(leader, prev + 1, leader.terms.length, 0));
  await say(node, heartbeat(leader, leader.terms.length));

  const all = leader.terms.map((_, i): [number, string] => [i + 1, textOf(leader, i + 1)]);
  expect([...node.machine].sort(byIndex), where).toEqual(all);
  // What is committed is in every later leader's log.
  for (const [index, text] of cut.machine) expect(textOf(last, index), where).toBe(text);
  await node.host.stop();
}

function promiseOf(
  message: RaftMessage,
): { readonly raftTerm: number; readonly matchIndex: number } | undefined {
  const { raftTerm } = message;
  if (message.kind === "append-entries-accepted")
    return { raftTerm, matchIndex: message.matchIndex };
  const isInstalled = message.kind === "install-snapshot-response" && message.isInstalled;
  return isInstalled ? { raftTerm, matchIndex: message.snapshotIndex } : undefined;
}

interface Node {
  readonly host: Host;
  readonly group: Group;
  readonly disk: MemoryDisk;
  readonly clock: ManualClock;
  readonly told: RaftMessage[];
  readonly machine: Map<number, string>;
}

/** Plays the script until its end or the cut. */
async function played(disk: MemoryDisk, script: readonly Step[]): Promise<Node> {
  const node = newNode(disk);
  let isCut = false;
  void disk.cut.then(() => {
    isCut = true;
  });
  void node.host.start();
  await settle();
  for (const step of script) if (!isCut) await say(node, step);
  return node;
}

async function started(disk: MemoryDisk): Promise<Node> {
  const node = newNode(disk);
  expect(await node.host.start()).toEqual({ kind: "started" });
  return node;
}

async function say(node: Node, step: Step): Promise<void> {
  hear(node, step);
  await settle();
}

function hear({ host }: Node, { from, message }: Step): void {
  host.receive(from, [{ group: 1, message }]);
}

function newNode(disk: MemoryDisk): Node {
  const clock = createManualClock();
  const told: RaftMessage[] = [];
  const machine = new Map<number, string>();
  const host = createHost({
    replica: SELF,
    clusterId: new Uint8Array(32).fill(9),
    disk,
    clock,
    prng: createPrng(1n),
    loop: new LoopWatch(clock),
    transport: { send: (_to, messages) => told.push(...messages.map(({ message }) => message)) },
    bootstrap: VOTERS,
    limits: LIMITS,
  });
  const text = new TextDecoder();
  const group = host.openGroup(1, {
    committed: (entries) => {
      for (const { index, bytes } of entries) machine.set(index, text.decode(bytes));
    },
    restored: ({ bytes }) => {
      machine.clear();
      for (const [index, entry] of JSON.parse(text.decode(bytes)) as [number, string][]) {
        machine.set(index, entry);
      }
    },
    roleChanged: () => {},
    snapshot: () => [bytesOf(JSON.stringify([...machine]))],
    failed: ({ detail }) => {
      throw new Error(detail);
    },
  });
  return { host, group, disk, clock, told, machine };
}

function append(leader: Leader, from: number, through: number, leaderCommit: number): Step {
  const { replica, raftTerm } = leader;
  const entries: LogEntry[] = [];
  for (let index = from; index <= through; index++) {
    const bytes = bytesOf(textOf(leader, index));
    entries.push({ index, raftTerm: termAt(leader, index), type: "proposal", bytes });
  }
  const prev = { prevLogIndex: from - 1, prevLogRaftTerm: termAt(leader, from - 1) };
  const message = { kind: "append-entries", raftTerm, ...prev, entries, leaderCommit } as const;
  return { from: replica, message };
}

function heartbeat({ replica, raftTerm }: Leader, leaderCommit: number): Step {
  return { from: replica, message: { kind: "heartbeat", raftTerm, leaderCommit, round: 0 } };
}

function install(leader: Leader, snapshotIndex: number, chunks: 1 | 2 = 2): readonly Step[] {
  const { replica: from, raftTerm } = leader;
  const list = leader.terms.slice(0, snapshotIndex).map((_, i) => [i + 1, textOf(leader, i + 1)]);
  const bytes = bytesOf(JSON.stringify(list));
  const half = chunks === 1 ? bytes.length : Math.floor(bytes.length / 2);
  const head = {
    kind: "install-snapshot",
    raftTerm,
    snapshotIndex,
    snapshotRaftTerm: termAt(leader, snapshotIndex),
    configuration: CONFIGURATION,
    totalBytes: bytes.length,
  } as const;
  return [0, half].slice(0, chunks).map((offset) => ({
    from,
    message: { ...head, offset, bytes: bytes.subarray(offset, offset === 0 ? half : undefined) },
  }));
}

/** Of somebody whose log is ahead of all, at the wish of the leader: it is looked at at any time. */
function voteRequest(from: ReplicaId, raftTerm: number): Step {
  const last = { lastLogIndex: 99, lastLogRaftTerm: raftTerm - 1 };
  return { from, message: { kind: "vote-request", raftTerm, ...last, isTransfer: true } };
}

function termAt({ terms }: Leader, index: number): number {
  return terms[index - 1] ?? 0;
}

/** An entry of the same index and raftTerm is the same in every log. */
function textOf(leader: Leader, index: number): string {
  return `${index} of ${termAt(leader, index)}/`.padEnd(500, "x");
}

function byIndex([a]: readonly [number, string], [b]: readonly [number, string]): number {
  return a - b;
}
