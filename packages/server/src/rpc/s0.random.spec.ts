// SPDX-License-Identifier: Apache-2.0
/**
 * Chance against S0: clients that wander between three nodes, send several calls at a time and every
 * one again until it is answered, watch and acknowledge, while leaders move and calls between nodes
 * are lost. What must hold whatever comes (semantics 4.1.2 to 4.1.4, A3; schedule H):
 *
 * - each number has one answer, whoever asks again and wherever, and answers rise with the numbers;
 * - a stream's messages are numbered without a gap, and one number is one message at every node;
 * - all streams tell the same story, which ends with what is.
 */

import { createPrng, type Prng } from "@conclave/base";
import { expect, test } from "vitest";
import { createMemoryCluster, type MemoryCluster } from "../replica/memory-cluster.ts";
import type { PeerFault } from "../replica/memory-peers.ts";
import { openS0, type S0Answer, S0Client, type S0Door, type S0Watch } from "./memory-s0.ts";

const SEEDS = 6;
const STEPS = 60;
const CLIENTS = 3;
const NODES = [1, 2, 3] as const;
const VERBS = ["enter", "withdraw", "anoint", "promote", "evict"] as const;
const WATCH_NUMBER = 2n;

/** A client, what it still has to be told, and what it was. */
interface Player {
  readonly client: S0Client;
  readonly ask: Map<bigint, () => Promise<S0Answer>>;
  readonly answers: Map<bigint, string>;
  readonly indexes: Map<bigint, bigint>;
  /** Messages of its stream by number, from whichever node. */
  readonly messages: Map<number, string>;
  watch: S0Watch | undefined;
  read: number;
}

interface Run {
  readonly prng: Prng;
  readonly cluster: MemoryCluster;
  readonly doors: readonly S0Door[];
  readonly players: Player[];
  readonly problems: string[];
}

async function begin(seed: number): Promise<Run> {
  const cluster = await createMemoryCluster();
  const doors = NODES.map((node) => openS0({ ...cluster.at(node), clock: cluster.clock }));
  const players: Player[] = [];
  for (let i = 0; i < CLIENTS; i++) {
    const client = await S0Client.open(doors[i % NODES.length]!, 1, "e", 3_600);
    await client.create();
    const watch = await client.watch();
    const told = { ask: new Map(), answers: new Map(), indexes: new Map(), messages: new Map() };
    players.push({ client, ...told, watch, read: 0 });
  }
  return { prng: createPrng(BigInt(seed)), cluster, doors, players, problems: [] };
}

function step(run: Run): void {
  const { prng, cluster, players } = run;
  const player = players[prng.below(players.length)]!;
  switch (prng.below(10)) {
    case 0:
      cluster.group(1).lead(1 + prng.below(3));
      return;
    case 1:
      fault(run);
      return;
    case 2:
      player.client.door = run.doors[prng.below(run.doors.length)]!;
      return;
    case 3:
      watchAgain(run, player);
      return;
    case 4:
      acknowledge(run, player);
      return;
    case 5:
    case 6:
      for (const number of player.ask.keys()) send(run, player, number);
      return;
    default:
      sendSome(run, player);
  }
}

function fault({ prng, cluster }: Run): void {
  const [from, to] = [1 + prng.below(3), 1 + prng.below(3)];
  const faults: readonly (PeerFault | undefined)[] = ["cut", "lose-answers", undefined, undefined];
  cluster.peers.fault(from, to, faults[prng.below(faults.length)]);
}

/** A few new calls at a time, in any order, through any node. */
function sendSome(run: Run, player: Player): void {
  const { prng } = run;
  const { client } = player;
  const numbers: bigint[] = [];
  for (let i = prng.below(3); i >= 0; i--) {
    const number = ++client.number;
    const verb = VERBS[prng.below(VERBS.length)]!;
    const candidate = `c${prng.below(4)}`;
    player.ask.set(number, () => client.ask(verb, candidate, { requestId: number }));
    numbers.splice(prng.below(numbers.length + 1), 0, number);
  }
  for (const number of numbers) send(run, player, number);
}

function send(run: Run, player: Player, number: bigint): void {
  void player.ask
    .get(number)?.()
    .then((answer) => answered(run, player, number, answer));
}

function answered(run: Run, player: Player, number: bigint, answer: S0Answer): void {
  if (answer.header === undefined) return;
  const before = player.answers.get(number);
  if (before !== undefined && before !== answer.shown) {
    run.problems.push(`${number} was answered ${before}, then ${answer.shown}`);
  }
  player.answers.set(number, answer.shown);
  player.indexes.set(number, answer.header.index);
}

function watchAgain(run: Run, player: Player): void {
  const { client, watch } = player;
  readWatch(run, player);
  void watch?.cancel();
  player.watch = undefined;
  void client.watch({ requestId: WATCH_NUMBER }).then((opened) => {
    player.watch = opened;
    player.read = 0;
  });
}

/** What came of it, held against what came before. */
function readWatch(run: Run, player: Player): void {
  const { watch, messages } = player;
  if (watch === undefined) return;
  const { shown, responseIds } = watch;
  for (; player.read < shown.length; player.read++) {
    const id = responseIds[player.read]!;
    const line = shown[player.read]!;
    const previous = player.read === 0 ? undefined : responseIds[player.read - 1];
    if (line.includes("ERROR")) run.problems.push(`the stream was refused: ${line}`);
    if (previous !== undefined && id !== previous + 1) run.problems.push(`${id} after ${previous}`);
    const before = messages.get(id);
    if (before !== undefined && before !== line) run.problems.push(`${before}, then ${line}`);
    messages.set(id, line);
  }
}

/** As the original client does: the highest that was answered, and the stream in order. */
function acknowledge(run: Run, player: Player): void {
  readWatch(run, player);
  const { client, answers, messages } = player;
  let number = 2n;
  while (answers.has(number + 1n)) number++;
  let responseId = 0;
  while (messages.has(responseId + 1)) responseId++;
  const streams = [{ streamId: WATCH_NUMBER, responseId: BigInt(responseId) }];
  void client.keepAlive({ requestId: number, streams });
  // What was acknowledged is asked for no more.
  for (const asked of player.ask.keys()) if (asked <= number) player.ask.delete(asked);
}

/** All is well again; everybody asks until everything is answered. */
async function settleAll(run: Run): Promise<void> {
  const { cluster, players } = run;
  for (const from of NODES) for (const to of NODES) cluster.peers.fault(from, to, undefined);
  cluster.group(1).lead(1);
  await cluster.advance(1_000);
  for (const player of players) {
    for (const number of player.ask.keys()) send(run, player, number);
    watchAgain(run, player);
  }
  await cluster.advance(1_000);
  for (const player of players) readWatch(run, player);
}

/** The terms that a stream told, and what it told of the last one. */
function storyOf({ messages }: Player): string[] {
  return [...messages.entries()]
    .sort(([a], [b]) => a - b)
    .flatMap(([, line]) => (line.includes(": ") ? [line.slice(line.indexOf(": ") + 2)] : []));
}

test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))(
  "whatever happens on the way, numbers have one answer and streams no gap, seed %i",
  async (seed) => {
    const run = await begin(seed);
    for (let i = 0; i < STEPS; i++) {
      step(run);
      await run.cluster.advance(20 * run.prng.below(4));
    }
    await settleAll(run);

    expect(run.problems).toEqual([]);
    const { state } = run.cluster.at(1).node.partition(1);
    expect(run.cluster.failures).toEqual([]);
    for (const player of run.players) {
      const { client, answers, indexes, messages } = player;
      const numbers = Array.from({ length: Number(client.number) - 2 }, (_, i) => BigInt(i) + 3n);
      expect(numbers.filter((number) => !answers.has(number))).toEqual([]);
      const rising = numbers.map((number) => indexes.get(number)!);
      expect(rising).toEqual([...new Set(rising)].sort((a, b) => (a < b ? -1 : 1)));
      const ids = [...messages.keys()].sort((a, b) => a - b);
      expect(ids).toEqual(ids.map((_, i) => i + 1));
      expect(storyOf(player)).toEqual(storyOf(run.players[0]!).slice(-storyOf(player).length));
    }
    const last = storyOf(run.players[0]!).at(-1) ?? "0 - []";
    expect((await run.players[0]!.client.getTerm()).shown).toContain(last);
    expect(state.sessions.size).toBe(CLIENTS);
  },
);
