// SPDX-License-Identifier: Apache-2.0
/** Calls that are executed in the order of their numbers, as the leader of their partition has them. */
import type { Command, DialectCall, Reply } from "@conclave/fsm";
import { describe, expect, test } from "vitest";
import type { ElectionNode } from "./election-node.ts";
import { createMemoryCluster } from "./memory-cluster.ts";
import { createMemoryNode, type MemoryNode, settled } from "./memory-node.ts";
import type { SubmissionOutcome } from "./proposals.ts";

const TTL_MS = 10_000;
const KEY = { kind: "election", namespace: "ns", name: "e" } as const;

/** A session of S0 on partition 1, whose numbers are given by hand. */
class Caller {
  readonly #sessionId: bigint;

  constructor(sessionId: bigint) {
    this.#sessionId = sessionId;
  }

  static async open(node: ElectionNode): Promise<Caller> {
    const [opened] = await repliesOf(
      submit(node, { kind: "open-indexed-session", dialect: "s0", ttlMs: TTL_MS }),
    );
    if (opened?.kind !== "session-opened") throw new Error("not opened");
    return new Caller(opened.sessionId);
  }

  /** Lets time go by in which the session is renewed. */
  async liveOn(memory: MemoryNode, ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      const renewal = { sessionId: this.#sessionId, number: 0n, attachment: undefined };
      memory.node.partition(1).renew({ ...renewal, settle: () => {} });
      await settled();
      await memory.advance(Math.min(left, 1_000));
    }
  }

  /** What became of the call, once something has. */
  send(node: ElectionNode, number: number, more: CallOptions = {}): Sent {
    const { sessionId, order, operation }: Omit<DialectCall, "kind"> = {
      sessionId: this.#sessionId,
      order: { kind: "strict", number },
      operation: { kind: "create", key: KEY },
    };
    const sent: Sent = { came: undefined };
    void submit(node, { kind: "dialect-call", sessionId, order, operation }, more).then(
      (outcome) => {
        sent.came = showOutcome(outcome);
      },
    );
    return sent;
  }
}

interface CallOptions {
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
}

interface Sent {
  came: string | undefined;
}

function submit(
  node: ElectionNode,
  command: Command,
  { patienceMs = 60_000, signal }: CallOptions = {},
): Promise<SubmissionOutcome> {
  const nowMs = node.giveUpAtMs(0);
  return new Promise((settle) => {
    node.partition(1).submit({
      commands: [command],
      giveUpAtMs: nowMs + patienceMs,
      mayUseReserve: false,
      ...(signal === undefined ? {} : { signal }),
      settle,
    });
  });
}

async function repliesOf(outcome: Promise<SubmissionOutcome>): Promise<readonly Reply[]> {
  const settledOutcome = await outcome;
  return settledOutcome.kind === "replied" ? settledOutcome.replies : [];
}

function showOutcome(outcome: SubmissionOutcome): string {
  if (outcome.kind === "not-applied") return outcome.reason;
  if (outcome.kind === "unknown") return "unknown";
  const [reply] = outcome.replies;
  if (reply?.kind === "refused") return reply.reason;
  return reply?.kind === "dialect-done" && reply.replayed ? "replayed" : "done";
}

function come(...sent: readonly Sent[]): (string | undefined)[] {
  return sent.map(({ came }) => came);
}

describe("one leader", () => {
  test("calls that come the wrong way round are executed in the order of their numbers", async () => {
    const { node } = createMemoryNode();
    const caller = await Caller.open(node);

    const [third, second] = [caller.send(node, 3), caller.send(node, 2)];
    await settled();
    expect(come(third, second)).toEqual([undefined, undefined]);
    const first = caller.send(node, 1);
    await settled();

    expect(come(first, second, third)).toEqual(["done", "done", "done"]);
  });

  test("calls in order wait for nothing: all of them go into the log at once", async () => {
    const memory = createMemoryNode();
    const caller = await Caller.open(memory.node);
    memory.log(1).stall();

    const sent = [1, 2, 3].map((number) => caller.send(memory.node, number));
    await settled();
    memory.log(1).resume();
    await settled();

    expect(come(...sent)).toEqual(["done", "done", "done"]);
    // The opening, and one entry for all three.
    expect(memory.log(1).entries).toHaveLength(2);
  });

  test("bug 32: a number that never comes is given up after one timeout, and refused for ever", async () => {
    const memory = createMemoryNode();
    const { node } = memory;
    const caller = await Caller.open(node);
    const waiting = caller.send(node, 3);

    await caller.liveOn(memory, TTL_MS - 20);
    expect(come(waiting)).toEqual([undefined]);
    await caller.liveOn(memory, 60);
    const late = [caller.send(node, 1), caller.send(node, 2)];
    const next = caller.send(node, 4);
    await settled();

    expect(come(waiting, next)).toEqual(["done", "done"]);
    expect(come(...late)).toEqual(["already_answered", "already_answered"]);
  });

  test("bug 32: callers that give up sooner do not make the gap wait anew each time", async () => {
    const memory = createMemoryNode();
    const { node } = memory;
    const caller = await Caller.open(node);

    const impatient: Sent[] = [];
    for (const number of [2, 3, 4]) {
      impatient.push(caller.send(node, number, { patienceMs: 3_000 }));
      await caller.liveOn(memory, 3_500);
    }
    const last = caller.send(node, 5);
    await settled();

    expect(come(...impatient)).toEqual(["overloaded", "overloaded", "overloaded"]);
    expect(come(last)).toEqual(["done"]);
  });

  test("a gap behind another one is waited for by itself", async () => {
    const memory = createMemoryNode();
    const { node } = memory;
    const caller = await Caller.open(node);
    const [third, sixth] = [caller.send(node, 3), caller.send(node, 6)];

    await caller.liveOn(memory, TTL_MS + 40);
    expect(come(third, sixth)).toEqual(["done", undefined]);
    const [fourth, fifth] = [caller.send(node, 4), caller.send(node, 5)];
    await settled();

    expect(come(fourth, fifth, sixth)).toEqual(["done", "done", "done"]);
  });

  test("a call that is repeated while it is held is executed once", async () => {
    const { node } = createMemoryNode();
    const caller = await Caller.open(node);

    const twice = [caller.send(node, 2), caller.send(node, 2)];
    caller.send(node, 1);
    await settled();

    expect(come(...twice)).toEqual(["done", "replayed"]);
  });

  test("one that nobody waits for any more is not executed when its turn comes", async () => {
    const memory = createMemoryNode();
    const { node } = memory;
    const caller = await Caller.open(node);
    const abort = new AbortController();
    const gone = caller.send(node, 2, { signal: abort.signal });
    await settled();

    abort.abort();
    await memory.advance(40);
    caller.send(node, 1);
    await settled();
    const again = caller.send(node, 2);
    await settled();

    expect(come(gone, again)).toEqual(["overloaded", "done"]);
  });

  test("those of a session that ends are refused at once", async () => {
    const memory = createMemoryNode();
    const { node } = memory;
    const caller = await Caller.open(node);
    await memory.advance(3_000);
    const held = caller.send(node, 5);

    await memory.advance(TTL_MS - 2_900);

    expect(come(held)).toEqual(["session_ended"]);
    expect(node.partition(1).isIdle).toBe(true);
  });

  test("of a session no more are held than may be unanswered", async () => {
    const { node } = createMemoryNode();
    const caller = await Caller.open(node);

    const sent = Array.from({ length: 1_025 }, (_, i) => caller.send(node, i + 2));
    await settled();

    expect(sent.filter(({ came }) => came === "overloaded")).toHaveLength(1);
  });

  test("what the log did not take is not counted as gone before: the next one waits for it", async () => {
    const memory = createMemoryNode();
    const { node } = memory;
    const caller = await Caller.open(node);
    memory.log(1).refuse("no-space");
    const lost = caller.send(node, 1);
    await settled();
    memory.log(1).refuse(undefined);

    const second = caller.send(node, 2);
    await settled();
    expect(come(lost, second)).toEqual(["no-space", undefined]);
    const again = caller.send(node, 1);
    await settled();

    expect(come(again, second)).toEqual(["done", "done"]);
  });
});

describe("several nodes", () => {
  test("a call that is held goes to the next leader, and is executed there in its turn", async () => {
    const cluster = await createMemoryCluster();
    const [one, two, three] = [1, 2, 3].map((n) => cluster.at(n).node) as [
      ElectionNode,
      ElectionNode,
      ElectionNode,
    ];
    const caller = await Caller.open(one);
    const [own, forwarded] = [caller.send(one, 3), caller.send(two, 2)];
    await settled();

    cluster.group(1).lead(3);
    await cluster.advance(1_000);
    expect(come(own, forwarded)).toEqual([undefined, undefined]);
    const first = caller.send(three, 1);
    await cluster.advance(1_000);

    expect(come(first, forwarded, own)).toEqual(["done", "done", "done"]);
  });

  test("a call that is held holds back no answer of those that came with it from another node", async () => {
    const cluster = await createMemoryCluster();
    const { node } = cluster.at(2);
    const [caller, other] = [await Caller.open(node), await Caller.open(node)];

    const held = caller.send(node, 2);
    const free = other.send(node, 1);
    const closed = submit(node, { kind: "close-session", sessionId: 999n });
    await settled();

    expect(come(held, free)).toEqual([undefined, "done"]);
    expect(await repliesOf(closed)).toHaveLength(1);
  });

  test("a call that may wait long for its turn waits for a leader no longer than others", async () => {
    const cluster = await createMemoryCluster();
    const { node } = cluster.at(1);
    const caller = await Caller.open(node);
    const held = caller.send(node, 2);
    await settled();

    cluster.group(1).loseLeader();
    await cluster.advance(4_900);
    expect(come(held)).toEqual([undefined]);
    await cluster.advance(200);

    expect(come(held)).toEqual(["no-leader"]);
  });

  test("a leader that stops waits for nobody's missing number, and the calls that it held go on elsewhere", async () => {
    const cluster = await createMemoryCluster();
    const [one, two] = [cluster.at(1).node, cluster.at(2).node];
    const caller = await Caller.open(two);
    const forwarded = caller.send(two, 2);
    await settled();

    one.beginShutdown();
    let isDrained = false;
    void one.drained().then(() => {
      isDrained = true;
    });
    await cluster.advance(1_000);
    expect([isDrained, ...come(forwarded)]).toEqual([true, undefined]);
    cluster.group(1).lead(2);
    await cluster.advance(1_000);
    const first = caller.send(two, 1);
    await cluster.advance(1_000);

    expect(come(first, forwarded)).toEqual(["done", "done"]);
  });
});
