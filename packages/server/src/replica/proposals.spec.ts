// SPDX-License-Identifier: Apache-2.0
import { createManualClock } from "@conclave/base";
import { type Command, type Enter, encodeEntry } from "@conclave/fsm";
import { expect, test } from "vitest";
import { createMemoryNode, type MemoryNode, settled } from "./memory-node.ts";
import type { SubmissionOutcome } from "./proposals.ts";

const S = 42n;
const KEY = { kind: "election", namespace: "default", name: "e" } as const;

const openSession: Command = {
  kind: "open-session",
  sessionId: S,
  ttlMs: 10_000,
  graceMs: 0,
  labels: new Map(),
};

function enter(candidate: string, number: number, acknowledged = 0): Enter {
  const id = { sessionId: S, number, acknowledged };
  return { kind: "enter", key: KEY, candidate, metadata: new Map(), takeover: false, id };
}

/** What became of a submission, filled in when it is answered. */
function submit(
  { node }: MemoryNode,
  commands: readonly Command[],
  mayUseReserve = false,
): { outcome: SubmissionOutcome | undefined } {
  const sent: { outcome: SubmissionOutcome | undefined } = { outcome: undefined };
  node.partition(1).submit({
    commands,
    giveUpAtMs: node.giveUpAtMs(),
    mayUseReserve,
    settle: (outcome) => {
      expect(sent.outcome).toBeUndefined();
      sent.outcome = outcome;
    },
  });
  return sent;
}

test("the commands of one turn become one entry, each answered with its own reply", async () => {
  const world = createMemoryNode();

  const sent = [
    submit(world, [openSession]),
    submit(world, [enter("a", 1)]),
    submit(world, [enter("b", 2), enter("c", 3)]),
  ];
  await settled();

  expect(world.log(1).entries).toHaveLength(1);
  expect(sent.map(({ outcome }) => outcome)).toMatchObject([
    { kind: "replied", replies: [{ kind: "session-opened" }] },
    { kind: "replied", replies: [{ kind: "done", revision: 1n, leading: true }] },
    { kind: "replied", replies: [{ revision: 2n }, { revision: 3n, leading: false }] },
  ]);
});

test("while entries are on their way the next commands gather into few entries", async () => {
  const world = createMemoryNode();
  submit(world, [openSession]);
  await settled();
  world.log(1).stall();

  const sent = [];
  for (let number = 1; number <= 100; number++) {
    sent.push(submit(world, [enter(`c${number}`, number)]));
    await Promise.resolve();
  }
  world.log(1).resume();
  await settled();

  expect(world.log(1).entries.length).toBeLessThan(10);
  expect(sent.every(({ outcome }) => outcome?.kind === "replied")).toBe(true);
});

test("a command waits for a leader for its whole patience, and is then known not to be applied", async () => {
  const world = createMemoryNode();
  world.log(1).follow(undefined);

  const sent = submit(world, [openSession]);
  await world.advance(4_900);
  expect(sent.outcome).toBeUndefined();
  await world.advance(200);

  expect(sent.outcome).toEqual({ kind: "not-applied", reason: "no-leader" });
});

test("a command that waits is proposed as soon as this node leads", async () => {
  const world = createMemoryNode();
  world.log(1).follow(undefined);
  const sent = submit(world, [openSession]);
  await world.advance(1_000);

  world.log(1).lead();
  await settled();

  expect(sent.outcome?.kind).toBe("replied");
});

test("a command whose entry does not commit in time has an unknown outcome, and may yet apply", async () => {
  const world = createMemoryNode();
  world.log(1).stall();
  const sent = submit(world, [openSession]);
  await world.advance(5_100);
  expect(sent.outcome).toEqual({ kind: "unknown" });

  world.log(1).resume();
  await settled();

  expect(world.node.partition(1).session(S)).toMatchObject({ sessionId: S });
});

test("a leader that is deposed tells its proposers that it does not know", async () => {
  const world = createMemoryNode();
  world.log(1).stall();
  const sent = submit(world, [openSession]);
  await settled();

  world.log(1).follow(2);
  await settled();

  expect(sent.outcome).toEqual({ kind: "unknown" });
});

test("what was on its way when the state was replaced is unknown, and keeps nobody back", async () => {
  const world = createMemoryNode();
  world.log(1).stall();
  const lost = [];
  for (let i = 0; i < 4; i++) {
    lost.push(submit(world, [openSession]));
    await settled();
  }

  world.log(1).install(world.log(1).takeSnapshot());
  expect(lost.map(({ outcome }) => outcome?.kind)).toEqual(lost.map(() => "unknown"));
  world.log(1).resume();
  const next = submit(world, [enter("a", 1)]);
  await settled();

  expect(next.outcome?.kind).toBe("replied");
});

test("an entry of another leader that looks like ours answers nobody", async () => {
  const world = createMemoryNode();
  world.log(1).stall();
  const sent = submit(world, [openSession]);
  await settled();

  const bytes = encodeEntry({ timeMs: createManualClock().wallMs(), commands: [openSession] });
  world.log(1).replicate(bytes, 9);
  expect(sent.outcome).toBeUndefined();
  world.log(1).resume();
  await settled();

  expect(sent.outcome).toMatchObject({ kind: "replied", replies: [{ already: true }] });
});

test("what the log sends back because it does not lead is proposed again within its patience", async () => {
  const world = createMemoryNode();
  world.log(1).refuse("not-leader");
  const sent = submit(world, [openSession]);
  await world.advance(1_000);
  expect(sent.outcome).toBeUndefined();

  world.log(1).refuse(undefined);
  await world.advance(600);

  expect(sent.outcome?.kind).toBe("replied");
  expect(world.log(1).entries).toHaveLength(1);
});

test("an overloaded log refuses with a value, and nothing is applied", async () => {
  const world = createMemoryNode();
  world.log(1).refuse("overloaded");

  const sent = submit(world, [openSession]);
  await settled();

  expect(sent.outcome).toEqual({ kind: "not-applied", reason: "overloaded" });
  expect(world.node.partition(1).session(S)).toBeUndefined();
});

test("a full disk refuses commands but spares an operator's that came in the same turn", async () => {
  const world = createMemoryNode();
  submit(world, [openSession, enter("a", 1)]);
  await settled();
  world.log(1).refuse("no-space");

  const entering = submit(world, [enter("b", 2)]);
  const options = { reason: "" };
  const evicting = submit(world, [{ kind: "evict", key: KEY, candidate: "a", options }], true);
  await settled();

  expect(entering.outcome).toEqual({ kind: "not-applied", reason: "no-space" });
  expect(evicting.outcome).toMatchObject({ kind: "replied", replies: [{ changed: true }] });
});

test("after the stop has begun commands are refused, and those under way are answered", async () => {
  const world = createMemoryNode();
  world.log(1).stall();
  const before = submit(world, [openSession]);
  await settled();

  world.node.beginShutdown();
  const after = submit(world, [enter("a", 1)]);
  const drained = world.node.drained();
  world.log(1).resume();
  await world.advance(40);
  await drained;

  expect(before.outcome?.kind).toBe("replied");
  expect(after.outcome).toEqual({ kind: "not-applied", reason: "shutting-down" });
  world.loop.stop();
  expect(world.clock.pendingTimers).toBe(0);
});

test("schedule I: of two numbers in flight the lower one is executed although the higher came first", async () => {
  const world = createMemoryNode();
  submit(world, [openSession]);

  const [seven, six] = [submit(world, [enter("b", 7)]), submit(world, [enter("a", 6)])];
  await settled();

  expect(seven.outcome).toMatchObject({ replies: [{ kind: "done", changed: true }] });
  expect(six.outcome).toMatchObject({
    replies: [{ kind: "done", changed: true, replayed: false }],
  });
});

test("schedule I: a number is executed once, and an acknowledged one never again", async () => {
  const world = createMemoryNode();
  submit(world, [openSession, enter("a", 1)]);
  await settled();

  const again = submit(world, [enter("a", 1)]);
  const acknowledging = submit(world, [enter("b", 2, 1)]);
  const late = submit(world, [enter("a", 1)]);
  await settled();

  expect(again.outcome).toMatchObject({ replies: [{ replayed: true, revision: 1n }] });
  expect(acknowledging.outcome).toMatchObject({ replies: [{ replayed: false, revision: 2n }] });
  expect(late.outcome).toMatchObject({ replies: [{ reason: "already_answered" }] });
});

test("schedule I: a stopped client that wakes cannot register its ended session again", async () => {
  const world = createMemoryNode();
  submit(world, [openSession]);
  submit(world, [{ kind: "close-session", sessionId: S }], true);
  await settled();

  const woken = submit(world, [openSession, enter("a", 1)]);
  await settled();

  expect(woken.outcome).toMatchObject({
    replies: [{ reason: "session_ended" }, { reason: "session_ended" }],
  });
});

test("schedule I: the 1,025th command that nobody acknowledged is refused and not applied", async () => {
  const world = createMemoryNode();
  const commands = Array.from({ length: 1_024 }, (_, i) => enter("a", i + 1));
  submit(world, [openSession, ...commands]);
  await settled();

  const sent = submit(world, [enter("b", 1_025)]);
  await settled();

  expect(sent.outcome).toMatchObject({ replies: [{ reason: "too_many_unacknowledged" }] });
  expect(world.node.partition(1).view(KEY).queue).toEqual([]);
});

test("an entry that this version does not understand stops the replica and is not skipped", async () => {
  const world = createMemoryNode();

  world.log(1).replicate(Uint8Array.of(8, 99), 1);
  world.log(1).replicate(encodeEntry({ timeMs: 1, commands: [openSession] }), 1);

  expect(world.failures).toHaveLength(1);
  expect(world.node.partition(1).session(S)).toBeUndefined();
});

test("a log that answers nothing any more holds a stop back for the patience of its commands only", async () => {
  const world = createMemoryNode();
  world.log(1).stall();
  const sent = submit(world, [openSession]);
  await settled();
  let isDrained = false;

  world.node.beginShutdown();
  void world.node.drained().then(() => {
    isDrained = true;
  });
  await world.advance(4_900);
  expect(isDrained).toBe(false);
  await world.advance(200);

  expect(sent.outcome).toEqual({ kind: "unknown" });
  expect(isDrained).toBe(true);
});
