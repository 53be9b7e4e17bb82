// SPDX-License-Identifier: Apache-2.0
/**
 * Chance against forwarding: clients at all nodes, leaders that move, replicas that lag, calls that are
 * cut, held and answered to nobody. What must hold whatever comes (semantics A2, A3):
 *
 * - a command is executed at most once, whoever asks again and wherever;
 * - every answer to one command is the same, and true of the state at its index;
 * - a read at any node sees every command that was answered before it began.
 */

import { createPrng, type Prng } from "@conclave/base";
import type { Command, Reply } from "@conclave/fsm";
import { expect, test } from "vitest";
import { createMemoryCluster, type MemoryCluster } from "./memory-cluster.ts";
import type { PeerFault } from "./memory-peers.ts";
import type { SubmissionOutcome } from "./proposals.ts";

const SEEDS = 30;
const STEPS = 80;
const NODES = [1, 2, 3] as const;
const S = 42n;
const TTL_MS = 86_400_000;
const KEY = { kind: "election", namespace: "default", name: "e" } as const;

interface Run {
  readonly prng: Prng;
  readonly cluster: MemoryCluster;
  /** The first answer to each command, by its number. */
  readonly answers: Map<number, Reply>;
  /** The highest revision that any client has been told of. */
  told: bigint;
  lastNumber: number;
  /** What was wrong with an answer when it came. */
  readonly problems: string[];
}

function anyNode({ prng }: Run): number {
  return 1 + prng.below(NODES.length);
}

function commandOf(number: number): Command {
  const id = { sessionId: S, number, acknowledged: 0 };
  const candidate = `c${number % 5}`;
  const shared = { key: KEY, candidate, id };
  if (number % 3 === 0) return { kind: "withdraw", ...shared };
  return { kind: "enter", ...shared, metadata: new Map(), takeover: false };
}

function submit(run: Run, number: number): void {
  const { node } = run.cluster.at(anyNode(run));
  const partition = node.partition(1);
  const settle = (outcome: SubmissionOutcome): void => {
    if (outcome.kind !== "replied") return;
    const [reply] = outcome.replies;
    if (reply?.kind === "done") {
      // Reads behind an answer agree with it: the replica that gave it has got so far.
      if (partition.revision < reply.revision) run.problems.push(`answer ${number} came too soon`);
      if (reply.revision > run.told) run.told = reply.revision;
    }
    const answer = textOf(reply!);
    const first = run.answers.get(number);
    if (first === undefined) run.answers.set(number, reply!);
    else if (textOf(first) !== answer) run.problems.push(`answers to ${number} differ: ${answer}`);
  };
  const commands = [commandOf(number)];
  partition.submit({ commands, giveUpAtMs: node.giveUpAtMs(), mayUseReserve: false, settle });
}

function textOf(reply: Reply): string {
  if (reply.kind !== "done") return reply.kind;
  return [reply.revision, reply.term, reply.leading, reply.changed].join(" ");
}

function read(run: Run): void {
  const { node } = run.cluster.at(anyNode(run));
  const toldBefore = run.told;
  node.partition(1).barrier({
    giveUpAtMs: node.giveUpAtMs(),
    waitsForLeader: true,
    settle: ({ kind }) => {
      const { revision } = node.partition(1);
      if (kind === "passed" && revision < toldBefore) run.problems.push(`read ${revision}`);
    },
  });
}

const FAULTS: readonly (PeerFault | undefined)[] = ["cut", "lose-answers", "hold", undefined];

/** Something that happens: to the cluster, or a request at any node. */
function step(run: Run): void {
  const { prng, cluster } = run;
  const group = cluster.group(1);
  switch (prng.below(10)) {
    case 0:
      if (prng.chance(1, 2)) group.lead(anyNode(run));
      else group.usurp(anyNode(run));
      break;
    case 1:
      group.lag(anyNode(run));
      break;
    case 2:
      group.catchUp(anyNode(run));
      break;
    case 3:
      cluster.peers.fault(anyNode(run), anyNode(run), FAULTS[prng.below(FAULTS.length)]);
      break;
    case 4:
      read(run);
      break;
    case 5:
      // What was never answered, or was: clients that do not know ask again.
      if (run.lastNumber > 0) submit(run, 1 + prng.below(run.lastNumber));
      break;
    default:
      submit(run, ++run.lastNumber);
  }
}

async function play(seed: bigint): Promise<Run> {
  const prng = createPrng(seed);
  const cluster = await createMemoryCluster();
  const run: Run = { prng, cluster, answers: new Map(), told: 0n, lastNumber: 0, problems: [] };
  const { node } = cluster.at(1);
  const session = { sessionId: S, ttlMs: TTL_MS, graceMs: 0, labels: new Map<string, string>() };
  const opening: Command = { kind: "open-session", ...session };
  const giveUpAtMs = node.giveUpAtMs();
  node
    .partition(1)
    .submit({ commands: [opening], giveUpAtMs, mayUseReserve: false, settle: () => {} });
  await cluster.advance(20);
  for (let i = 0; i < STEPS; i++) {
    step(run);
    if (prng.chance(1, 3)) await cluster.advance(20 * prng.below(30));
  }
  return run;
}

/** All faults go, and every command is asked for once more. */
async function heal(run: Run): Promise<void> {
  const { cluster } = run;
  for (const from of NODES) for (const to of NODES) cluster.peers.fault(from, to, undefined);
  cluster.group(1).lead(2);
  for (const node of [1, 3]) cluster.group(1).rejoin(node, 2);
  for (const node of NODES) cluster.group(1).catchUp(node);
  await cluster.advance(6_000);
  for (let number = 1; number <= run.lastNumber; number++) submit(run, number);
  await cluster.advance(1_000);
}

test("whatever happens on the way, each command is executed once and answered alike everywhere", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const run = await play(BigInt(seed));

    await heal(run);

    const { cluster, answers, lastNumber } = run;
    expect(answers.size, `seed ${seed}`).toBe(lastNumber);
    const changes = [...answers.values()].filter((reply) => reply.kind === "done" && reply.changed);
    for (const number of NODES) {
      const { revision } = cluster.at(number).node.partition(1);
      expect(Number(revision), `seed ${seed}, node ${number}`).toBe(changes.length);
    }
    expect(run.problems, `seed ${seed}`).toEqual([]);
    expect(cluster.failures, `seed ${seed}`).toEqual([]);
  }
});
