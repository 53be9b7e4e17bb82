// SPDX-License-Identifier: Apache-2.0
import type { Command, PrimitiveKey } from "@conclave/fsm";
import { expect, test } from "vitest";
import { createMemoryNode, type MemoryNode, settled } from "./memory-node.ts";
import type { ResumePoint, Watch, WatchEvent } from "./watch.ts";
import type { WatchTarget } from "./watch-index.ts";

const S = 42n;
const key = (name: string): PrimitiveKey => ({ kind: "election", namespace: "default", name });
const names = (...all: string[]): WatchTarget => ({ kind: "names", keys: all.map(key) });
const prefix = (text: string): WatchTarget => ({
  kind: "prefix",
  primitive: "election",
  namespace: "default",
  prefix: text,
});

let lastNumber = 0;

function enter(name: string, candidate = "a"): Command {
  const id = { sessionId: S, number: ++lastNumber, acknowledged: lastNumber - 1 };
  const common = { candidate, metadata: new Map<string, string>(), takeover: false, id };
  return { kind: "enter", key: key(name), ...common };
}

function remove(name: string): Command {
  return { kind: "delete", key: key(name), options: { reason: "" } };
}

/** Applies commands in one entry per partition. */
async function apply(world: MemoryNode, ...commands: Command[]): Promise<void> {
  for (const command of commands) {
    const isKeyed = "key" in command;
    const home = isKeyed ? world.node.homeOf(command.key) : world.node.partition(1);
    const giveUpAtMs = world.node.giveUpAtMs();
    home.submit({ commands: [command], giveUpAtMs, mayUseReserve: false, settle: () => {} });
  }
  await settled();
}

async function createWorld(partitionCount = 1): Promise<MemoryNode> {
  const world = createMemoryNode(partitionCount);
  await settled();
  for (const partition of world.node.partitions) {
    const options = { ttlMs: 86_400_000, graceMs: 0, labels: new Map<string, string>() };
    const giveUpAtMs = world.node.giveUpAtMs();
    const open = { kind: "open-session", sessionId: S, ...options } as const;
    partition.submit({ commands: [open], giveUpAtMs, mayUseReserve: false, settle: () => {} });
  }
  await settled();
  return world;
}

interface Watching {
  readonly watch: Watch;
  readonly readies: { count: number };
}

function watch(
  world: MemoryNode,
  target: WatchTarget,
  resume?: ResumePoint,
  withBase = false,
): Watching {
  const readies = { count: 0 };
  const ready = (): void => {
    readies.count++;
  };
  return { watch: world.node.watch({ target, resume, withBase, ready }), readies };
}

/** Takes everything there is, in short: `snapshot e=1`, `change e=2`, `gap 0-5`, `progress 7`, `end`. */
function take({ watch: watching }: Watching): string[] {
  return takeEvents(watching).map(({ event }) => short(event));
}

function takeEvents(watching: Watch): { event: WatchEvent; resume: ResumePoint | undefined }[] {
  const taken: { event: WatchEvent; resume: ResumePoint | undefined }[] = [];
  watching.take((event, resume) => taken.push({ event, resume: resume && new Map(resume) }) > 0);
  return taken;
}

function short(event: WatchEvent): string {
  switch (event.kind) {
    case "snapshot":
    case "base":
      return `${event.kind} ${event.view.key.name}=${event.view.revision}`;
    case "change":
      return `change ${event.change.key.name}=${event.change.revision} ${event.change.cause}`;
    case "gap":
      return `gap ${event.afterRevision}-${event.beforeRevision}`;
    case "progress":
      return `progress ${event.revision}`;
    default:
      return "end";
  }
}

test("a watch begins with the state, named elections that do not exist included, then sends changes", async () => {
  const world = await createWorld();
  await apply(world, enter("e"));

  const watching = watch(world, names("e", "nobody"));
  expect(take(watching)).toEqual(["snapshot e=1", "snapshot nobody=0", "end"]);
  await apply(world, enter("e", "b"), enter("other"), enter("nobody"));

  expect(take(watching)).toEqual(["change e=2 entered", "change nobody=4 entered"]);
});

test("a watch by prefix sees elections that come to exist, and no others", async () => {
  const world = await createWorld(3);
  await apply(world, enter("job-1"), enter("task-1"));

  const watching = watch(world, prefix("job-"));
  expect(take(watching)).toEqual(["snapshot job-1=1", "end"]);
  await apply(world, enter("job-2"), enter("job"), enter("task-2"));

  expect(take(watching)).toEqual([expect.stringMatching(/^change job-2=/)]);
});

test("schedule F: two changes of one entry are two revisions, and a watcher resumes between them", async () => {
  const world = await createWorld();
  await apply(world, enter("e", "a"), enter("e", "b"));
  expect(world.log(1).entries).toHaveLength(2);

  const watching = watch(world, names("e"), new Map([[1, 1n]]));

  expect(take(watching)).toEqual(["change e=2 entered", "progress 2"]);
});

test("schedule N: a watch by prefix that resumes after a deletion is told of it", async () => {
  const world = await createWorld();
  await apply(world, enter("e"), enter("f"));
  const point = new Map([[1, 2n]]);
  await apply(world, remove("e"));

  const watching = watch(world, prefix(""), point);

  expect(take(watching)).toEqual(["change e=3 deleted", "progress 3"]);
});

test("schedule N: below the floor a gap is said, and the whole snapshot shows what is gone", async () => {
  const world = await createWorld();
  await apply(world, enter("e"), enter("f"), remove("e"));
  const restarted = await restart(world);

  const watching = watch(restarted, prefix(""), new Map([[1, 1n]]));

  expect(take(watching)).toEqual(["gap 1-3", "snapshot f=2", "end"]);
});

test("schedule N: below the floor an election that has not changed since has missed nothing", async () => {
  const world = await createWorld();
  await apply(world, enter("e"), enter("f"));
  const restarted = await restart(world);

  const watching = watch(restarted, names("e"), new Map([[1, 1n]]));

  expect(take(watching)).toEqual(["progress 2"]);
});

test("a watch that asks for its base gets it first, whether anything was missed or not", async () => {
  const world = await createWorld();
  await apply(world, enter("e"), enter("f"), enter("e", "b"), enter("e", "c"));
  const restarted = await restart(world);
  const after = (revision: bigint, of = world): string[] =>
    take(watch(of, names("e"), new Map([[1, revision]]), true));

  expect(after(2n)).toEqual(["base e=1", "change e=3 entered", "change e=4 entered", "progress 4"]);
  expect(after(4n)).toEqual(["base e=4", "progress 4"]);
  expect(after(4n, restarted)).toEqual(["base e=4", "progress 4"]);
  expect(after(3n, restarted)).toEqual(["gap 3-4", "snapshot e=4", "end"]);
});

test("schedule N: a resume point that the leader has not reached is refused, not answered with old changes", async () => {
  const world = await createWorld();
  await apply(world, enter("e"));

  const watching = watch(world, names("e"), new Map([[1, 5n]]));
  await settled();

  expect(watching.watch.ended).toBe("resume-ahead");
  expect(take(watching)).toEqual([]);
});

test("schedule N: a resume point ahead of this replica waits until it is applied here", async () => {
  const world = await createWorld();
  await apply(world, enter("e"));
  world.log(1).stall();
  const applying = apply(world, enter("e", "b"));
  world.log(1).stallConfirms();
  const watching = watch(world, names("e"), new Map([[1, 2n]]));
  await applying;

  world.log(1).resume();
  world.log(1).resumeConfirms();
  await settled();
  await apply(world, enter("e", "c"));

  expect(take(watching)).toEqual(["progress 2", "change e=3 entered"]);
});

test("schedule N: a stream never goes back, though elections change while its snapshot is paged", async () => {
  const world = await createWorld();
  const all = Array.from({ length: 600 }, (_, i) => `e${String(i).padStart(3, "0")}`);
  await apply(world, ...all.map((name) => enter(name)));
  const watching = watch(world, prefix("e"));
  const taken: WatchEvent[] = [];
  const takeSome = (count: number): void => {
    let left = count;
    watching.watch.take((event) => {
      taken.push(event);
      return --left > 0;
    });
  };

  takeSome(300);
  await apply(world, enter("e000", "b"), enter("e599", "b"), enter("e100", "b"), remove("e300"));
  takeSome(10_000);

  const revisions = taken.map((event) => {
    if (event.kind === "snapshot") return event.view.asOfRevision;
    return event.kind === "change" ? event.change.revision : 0n;
  });
  const ofEvents = revisions.slice(0, -1);
  expect(ofEvents).toEqual([...ofEvents].sort((a, b) => Number(a - b)));
  expect(taken.map(short).filter((text) => text.startsWith("change"))).toEqual([
    "change e000=601 entered",
    "change e100=603 entered",
    "change e300=604 deleted",
  ]);
  expect(taken.map(short)).toContain("snapshot e599=602");
  expect(taken.at(-1)?.kind).toBe("snapshot-end");
});

test("what a watch sent last, with its token, is where it goes on: nothing lost, nothing twice", async () => {
  const world = await createWorld(3);
  await apply(world, enter("a"), enter("b"), enter("c"));
  const first = watch(world, prefix(""));
  const token = takeEvents(first.watch).at(-1)?.resume;
  world.node.unwatch(first.watch);
  await apply(world, enter("a", "x"), enter("d"));

  const second = watch(world, prefix(""), token);

  const changes = take(second).filter((text) => text.startsWith("change"));
  expect(changes.map((text) => text.split("=")[0]).sort()).toEqual(["change a", "change d"]);
});

test("in the midst of a snapshot there is nowhere to resume", async () => {
  const world = await createWorld(2);
  await apply(world, enter("a"), enter("b"));

  const watching = watch(world, prefix(""));

  const resumable = takeEvents(watching.watch).map(({ resume }) => resume !== undefined);
  expect(resumable).toEqual([false, false, true]);
});

test("a watcher that does not take is ended, and the others get every change", async () => {
  const world = await createWorld();
  const [slow, quick] = [watch(world, prefix("")), watch(world, prefix(""))];
  take(slow);
  take(quick);
  let seen = 0;

  for (let round = 0; round < 50; round++) {
    await apply(world, ...Array.from({ length: 100 }, () => [enter("e"), remove("e")]).flat());
    seen += take(quick).length;
  }

  expect(slow.watch.ended).toBe("slow-watcher");
  expect(take(slow)).toEqual([]);
  expect(quick.watch.ended).toBeUndefined();
  expect(seen).toBe(10_000);
});

test("a watcher that takes as fast as changes come is not ended, though it never has them all", async () => {
  const world = await createWorld();
  const { watch: watching } = watch(world, names("e"));
  const seen: bigint[] = [];
  const takeAtMost = (count: number): void => {
    let left = count;
    watching.take((event) => {
      if (event.kind === "change") seen.push(event.change.revision);
      return --left > 0;
    });
  };
  takeAtMost(2);

  for (let round = 0; round < 60; round++) {
    await apply(world, ...Array.from({ length: 50 }, () => [enter("e"), remove("e")]).flat());
    takeAtMost(round === 0 ? 50 : 100);
  }

  expect(watching.ended).toBeUndefined();
  expect(seen).toEqual(Array.from({ length: 5_950 }, (_, i) => BigInt(i + 1)));
});

test("a watch ends when another node's snapshot takes the place of the state that it followed", async () => {
  const world = await createWorld();
  const { watch: watching } = watch(world, names("e"));
  await apply(world, enter("e"));

  world.log(1).install(world.log(1).takeSnapshot());

  expect(watching.ended).toBe("replaced");
});

test("an idle watch is told how far nothing was missed, once per move", async () => {
  const world = await createWorld();
  const watching = watch(world, names("e"));
  take(watching);
  await apply(world, enter("other"));

  await world.advance(10_040);
  expect(take(watching)).toEqual(["progress 1"]);
  await world.advance(10_040);

  expect(take(watching)).toEqual([]);
});

test("readiness is said once until everything was taken", async () => {
  const world = await createWorld();
  const watching = watch(world, names("e"));
  take(watching);
  const before = watching.readies.count;

  await apply(world, enter("e"), enter("e", "b"), enter("e", "c"));

  expect(watching.readies.count).toBe(before + 1);
});

test("a closed watch is forgotten: a change costs nothing for it", async () => {
  const world = await createWorld();
  const watching = watch(world, prefix("e"));
  take(watching);

  world.node.unwatch(watching.watch);
  await apply(world, enter("e"));

  expect(world.node.partition(1).watchers.isEmpty).toBe(true);
  expect(take(watching)).toEqual([]);
});

test("a node that has just started answers no watch before it is level with its log", async () => {
  const world = await createWorld();
  world.log(1).follow(undefined);
  const started = createMemoryNode();
  started.log(1).stallConfirms();

  const watching = watch(started, names("e"));
  await settled();
  expect(take(watching)).toEqual([]);
  started.log(1).resumeConfirms();
  await settled();

  expect(take(watching)).toEqual(["snapshot e=0", "end"]);
});

test("a stop ends every watch and says why", async () => {
  const world = await createWorld();
  const watching = watch(world, names("e"));

  world.node.beginShutdown();

  expect(watching.watch.ended).toBe("shutting-down");
});

/** A node that begins from the other's snapshot: its history does not reach back. */
async function restart(world: MemoryNode): Promise<MemoryNode> {
  const next = createMemoryNode();
  next.log(1).install(world.log(1).takeSnapshot());
  await settled();
  return next;
}
