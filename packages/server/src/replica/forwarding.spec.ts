// SPDX-License-Identifier: Apache-2.0
/** Commands and reads at a node that does not lead. Node 1 leads at first. */
import type { Command, Enter } from "@conclave/fsm";
import { expect, test } from "vitest";
import { createMemoryCluster, type MemoryCluster } from "./memory-cluster.ts";
import { settled } from "./memory-node.ts";
import type { SubmissionOutcome } from "./proposals.ts";

const S = 42n;
const KEY = { kind: "election", namespace: "default", name: "e" } as const;
const opening: Command = {
  kind: "open-session",
  sessionId: S,
  ttlMs: 60_000,
  graceMs: 0,
  labels: new Map(),
};

function enter(candidate: string, number: number): Enter {
  const id = { sessionId: S, number, acknowledged: 0 };
  return { kind: "enter", key: KEY, candidate, metadata: new Map(), takeover: false, id };
}

interface Sent {
  outcome: SubmissionOutcome | undefined;
}

function submit(
  cluster: MemoryCluster,
  at: number,
  commands: readonly Command[],
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Sent {
  const { timeoutMs, ...rest } = options;
  const { node } = cluster.at(at);
  const sent: Sent = { outcome: undefined };
  const giveUpAtMs = node.giveUpAtMs(timeoutMs);
  const settle = (outcome: SubmissionOutcome): void => {
    expect(sent.outcome).toBeUndefined();
    sent.outcome = outcome;
  };
  node.partition(1).submit({ commands, giveUpAtMs, mayUseReserve: false, settle, ...rest });
  return sent;
}

function read(cluster: MemoryCluster, at: number): { view: unknown } {
  const { node } = cluster.at(at);
  const answered: { view: unknown } = { view: undefined };
  node.partition(1).barrier({
    giveUpAtMs: node.giveUpAtMs(),
    waitsForLeader: true,
    settle: (outcome) => {
      answered.view = outcome.kind === "passed" ? node.partition(1).view(KEY) : outcome;
    },
  });
  return answered;
}

function leaderAt(cluster: MemoryCluster, at: number): string | undefined {
  return cluster.at(at).node.partition(1).view(KEY).leader?.name;
}

test("a command at a node that does not lead is applied by the one that does", async () => {
  const cluster = await createMemoryCluster();

  const sent = submit(cluster, 2, [opening, enter("a", 1)]);
  await settled();

  expect(sent.outcome).toMatchObject({
    kind: "replied",
    replies: [{ kind: "session-opened" }, { kind: "done", leading: true }],
  });
  expect([1, 2, 3].map((node) => leaderAt(cluster, node))).toEqual(["a", "a", "a"]);
});

test("an answer waits until the replica that gives it has applied what it tells of", async () => {
  const cluster = await createMemoryCluster();
  cluster.group(1).lag(2);

  const sent = submit(cluster, 2, [opening, enter("a", 1)]);
  await cluster.advance(1_000);
  expect([leaderAt(cluster, 1), sent.outcome]).toEqual(["a", undefined]);
  cluster.group(1).catchUp(2);

  expect(sent.outcome?.kind).toBe("replied");
});

test("a replica that never gets so far gives its client no answer that it does not agree with", async () => {
  const cluster = await createMemoryCluster();
  cluster.group(1).lag(2);

  const sent = submit(cluster, 2, [opening]);
  await cluster.advance(5_100);

  expect(sent.outcome).toEqual({ kind: "unknown" });
});

test("the commands of one turn go in one call and become one entry", async () => {
  const cluster = await createMemoryCluster();

  for (const command of [opening, enter("a", 1), enter("b", 2)]) submit(cluster, 2, [command]);
  await settled();

  expect(cluster.peers.calls).toEqual(["2>1"]);
  expect(cluster.group(1).entries).toHaveLength(1);
});

test("a request that never got there is tried again, at whichever node leads by then", async () => {
  const cluster = await createMemoryCluster();
  cluster.peers.fault(2, 1, "cut");
  const sent = submit(cluster, 2, [opening, enter("a", 1)]);
  await cluster.advance(500);
  expect(sent.outcome).toBeUndefined();

  cluster.group(1).lead(3);
  await settled();

  expect(sent.outcome?.kind).toBe("replied");
  expect(cluster.group(1).entries).toHaveLength(1);
});

test("a leader that cannot be reached is asked again now and then, and not by every tick", async () => {
  const cluster = await createMemoryCluster();
  cluster.peers.fault(2, 1, "cut");

  const sent = submit(cluster, 2, [opening, enter("a", 1)]);
  const answered = read(cluster, 2);
  await cluster.advance(4_000);

  // Two kinds of requests: after 24, 48, 96, 192, 384 ms at most, then every 250 to 500.
  expect(cluster.peers.calls.length).toBeGreaterThan(2 * 8);
  expect(cluster.peers.calls.length).toBeLessThan(2 * 24);
  cluster.peers.fault(2, 1, undefined);
  await cluster.advance(600);
  expect(sent.outcome?.kind).toBe("replied");
  expect(answered.view).toMatchObject({ key: KEY });
});

test("a command whose answer was lost is unknown, and under its own number never executed twice", async () => {
  const cluster = await createMemoryCluster();
  submit(cluster, 2, [opening]);
  await settled();
  cluster.peers.fault(2, 1, "lose-answers");

  const lost = submit(cluster, 2, [enter("a", 1)]);
  await cluster.advance(1_000);
  cluster.group(1).lead(3);
  const again = submit(cluster, 2, [enter("a", 1)]);
  await settled();

  expect(lost.outcome).toEqual({ kind: "unknown" });
  expect(again.outcome).toMatchObject({ replies: [{ kind: "done", replayed: true, term: 1n }] });
});

test("what is forwarded to a node that does not lead is answered at once and goes no further", async () => {
  const cluster = await createMemoryCluster();
  cluster.group(1).cut(1);

  const sent = submit(cluster, 2, [opening]);
  await cluster.advance(1_000);
  const { calls } = cluster.peers;
  expect(sent.outcome).toBeUndefined();
  expect(calls.length).toBeGreaterThan(1);
  expect(new Set(calls)).toEqual(new Set(["2>1"]));
  cluster.group(1).lead(3);
  await settled();

  expect(sent.outcome?.kind).toBe("replied");
});

test("without a leader a command waits for its patience, and then it is in no log", async () => {
  const cluster = await createMemoryCluster();
  cluster.group(1).loseLeader();

  const [short, whole] = [
    submit(cluster, 2, [opening], { timeoutMs: 1_000 }),
    submit(cluster, 2, [opening]),
  ];
  await cluster.advance(1_100);
  expect(short.outcome).toEqual({ kind: "not-applied", reason: "no-leader" });
  expect(whole.outcome).toBeUndefined();
  cluster.group(1).lead(2);
  await settled();

  expect(whole.outcome?.kind).toBe("replied");
  expect(cluster.group(1).entries).toHaveLength(1);
});

test("the answer of a leader that was replaced is waited for a little while only", async () => {
  const cluster = await createMemoryCluster();
  cluster.peers.fault(2, 1, "hold");
  const sent = submit(cluster, 2, [opening]);
  await settled();

  cluster.group(1).lead(3);
  await cluster.advance(400);
  expect(sent.outcome).toBeUndefined();
  await cluster.advance(200);

  expect(sent.outcome).toEqual({ kind: "unknown" });
});

test("a client's deadline goes with its command: the leader gives up what it could not propose", async () => {
  const cluster = await createMemoryCluster();
  cluster.group(1).stall();
  // As many as may be on their way at a time; the next ones wait at the leader.
  for (let i = 0; i < 4; i++) {
    submit(cluster, 1, [opening]);
    await settled();
  }

  const sent = submit(cluster, 2, [enter("a", 1)], { timeoutMs: 1_000 });
  await cluster.advance(1_100);
  cluster.group(1).resume();
  await cluster.advance(100);

  expect(sent.outcome).toBeDefined();
  expect(sent.outcome?.kind).not.toBe("replied");
  expect(leaderAt(cluster, 1)).toBeUndefined();
});

test("commands of one call each have their own patience", async () => {
  const cluster = await createMemoryCluster();
  cluster.peers.fault(2, 1, "hold");

  const [short, long] = [
    submit(cluster, 2, [opening], { timeoutMs: 1_000 }),
    submit(cluster, 2, [opening]),
  ];
  await cluster.advance(1_100);

  expect([short.outcome, long.outcome]).toEqual([{ kind: "unknown" }, undefined]);
});

test("a command that is cancelled while it waits at the leader is never applied", async () => {
  const cluster = await createMemoryCluster();
  cluster.group(1).stall();
  for (let i = 0; i < 4; i++) {
    submit(cluster, 1, [opening]);
    await settled();
  }
  const caller = new AbortController();
  submit(cluster, 2, [enter("a", 1)], { signal: caller.signal });
  await settled();

  caller.abort();
  await cluster.advance(100);
  cluster.group(1).resume();
  await cluster.advance(100);

  expect(leaderAt(cluster, 1)).toBeUndefined();
});

test("a command that is cancelled while there is no leader is never applied", async () => {
  const cluster = await createMemoryCluster();
  cluster.group(1).loseLeader();
  const caller = new AbortController();
  submit(cluster, 2, [opening], { signal: caller.signal });

  caller.abort();
  await cluster.advance(100);
  cluster.group(1).lead(1);
  await cluster.advance(100);

  expect(cluster.group(1).entries).toEqual([]);
});

test("a command that is cancelled just before a leader comes is never applied", async () => {
  const cluster = await createMemoryCluster();
  cluster.group(1).loseLeader();
  const caller = new AbortController();
  submit(cluster, 2, [opening], { signal: caller.signal });
  await settled();

  caller.abort();
  cluster.group(1).lead(1);
  await cluster.advance(100);

  expect(cluster.group(1).entries).toEqual([]);
});

test("a leader that stops takes no commands of others, which wait for the next leader", async () => {
  const cluster = await createMemoryCluster();
  cluster.at(1).node.beginShutdown();

  const sent = submit(cluster, 2, [opening]);
  await cluster.advance(500);
  expect(sent.outcome).toBeUndefined();
  cluster.group(1).lead(3);
  await settled();

  expect(sent.outcome?.kind).toBe("replied");
});

test("what waited at a leader goes to the next one when the leadership moves", async () => {
  const cluster = await createMemoryCluster();
  cluster.group(1).stall();
  for (let i = 0; i < 4; i++) {
    submit(cluster, 1, [opening]);
    await settled();
  }
  const waiting = submit(cluster, 1, [enter("a", 1)]);
  await settled();

  cluster.group(1).lead(3);
  cluster.group(1).resume();
  await cluster.advance(100);

  // The four may or may not have been applied; this one certainly was not, so it went on.
  expect(waiting.outcome).toMatchObject({ replies: [{ reason: "session_unknown" }] });
});

test("a read at a replica that lags waits until it shows what the leader had committed", async () => {
  const cluster = await createMemoryCluster();
  cluster.group(1).lag(2);
  submit(cluster, 1, [opening, enter("a", 1)]);
  await settled();

  const answered = read(cluster, 2);
  await cluster.advance(1_000);
  expect(answered.view).toBeUndefined();
  cluster.group(1).catchUp(2);

  expect(answered.view).toMatchObject({ term: 1n, leader: { name: "a" } });
});

test("all reads of one turn at a node share one round of the leader", async () => {
  const cluster = await createMemoryCluster();
  const before = cluster.group(1).confirmCount;

  const answers = Array.from({ length: 100 }, () => read(cluster, 2));
  await settled();

  expect(answers.every(({ view }) => view !== undefined)).toBe(true);
  expect(cluster.group(1).confirmCount).toBe(before + 1);
});

test("a read whose round was lost with its leader has another one at the next", async () => {
  const cluster = await createMemoryCluster();
  cluster.peers.fault(2, 1, "hold");
  const answered = read(cluster, 2);
  await settled();

  cluster.group(1).lead(3);
  await cluster.advance(50);

  expect(answered.view).toMatchObject({ term: 0n });
});

test("a read at a node that is cut off is answered with no state", async () => {
  const cluster = await createMemoryCluster();
  cluster.group(1).cut(2);

  const answered = read(cluster, 2);
  await cluster.advance(5_100);

  expect(answered.view).toEqual({ kind: "failed", reason: "no-leader" });
});

test("a snapshot of another node answers what waited for this replica to catch up", async () => {
  const cluster = await createMemoryCluster();
  cluster.group(1).lag(2);
  const sent = submit(cluster, 2, [opening, enter("a", 1)]);
  await settled();

  cluster.group(1).install(2, 1);

  expect(sent.outcome?.kind).toBe("replied");
  expect(leaderAt(cluster, 2)).toBe("a");
});

test("a node that is asked in bytes that make no sense does nothing and says so", async () => {
  const cluster = await createMemoryCluster();
  const calls = cluster.peers.of(9);

  const outcome = await calls.call(1, Uint8Array.of(1, 2, 3), { giveUpAtMs: 1_000 });

  expect(outcome.kind).toBe("answered");
  expect(cluster.group(1).entries).toEqual([]);
});
