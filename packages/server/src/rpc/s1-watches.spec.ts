// SPDX-License-Identifier: Apache-2.0
/** What S1's watches hang on, and that nothing is kept of those that ended. */
import type { Command } from "@conclave/fsm";
import { beforeEach, expect, test } from "vitest";
import { createMemoryNode, type MemoryNode, settled } from "../replica/memory-node.ts";
import { S1Watches } from "./s1-watches.ts";
import type { WatchHold } from "./watch-hold.ts";

const KEY = { kind: "election", namespace: "default", name: "e" } as const;
/** By the partition's counter: the session is opened first, and then creates. */
const SESSION = 1n;
const PRIMITIVE = 2n;

let memory: MemoryNode;
let watches: S1Watches;

async function run(...commands: Command[]): Promise<void> {
  memory.node.partition(1).submit({
    commands,
    giveUpAtMs: memory.node.giveUpAtMs(),
    mayUseReserve: true,
    settle: () => {},
  });
  await settled();
}

function call(number: number, kind: "create" | "close"): Command {
  const order = { kind: "set", number } as const;
  return { kind: "dialect-call", sessionId: SESSION, order, operation: { kind, key: KEY } };
}

function hold(caller: AbortSignal = new AbortController().signal): WatchHold {
  const partition = memory.node.partition(1);
  return watches.hold({ partition, sessionId: SESSION, primitiveId: PRIMITIVE }, caller);
}

beforeEach(async () => {
  memory = createMemoryNode();
  watches = new S1Watches();
  await run({ kind: "open-indexed-session", dialect: "s1", ttlMs: 60_000 }, call(1, "create"), {
    kind: "open-indexed-session",
    dialect: "s1",
    ttlMs: 60_000,
  });
});

test("a watch whose caller has gone is let go at once, though nobody takes from its stream any more", () => {
  const caller = new AbortController();
  const held = [hold(caller.signal), hold()];
  caller.abort();
  expect(held.map(({ ending }) => ending.aborted)).toEqual([true, false]);
  expect(watches.size).toBe(1);
  expect(hold(caller.signal).ending.aborted).toBe(true);
  expect(watches.size).toBe(1);
});

test("a watch that is left is not ended, and leaving again is nothing", async () => {
  const held = hold();
  held.leave();
  held.leave();
  expect(watches.size).toBe(0);
  await run({ kind: "close-session", sessionId: SESSION });
  expect(held.ending.aborted).toBe(false);
});

test("the end of its session or of its primitive ends a watch, and no other session's does", async () => {
  const held = hold();
  await run({ kind: "close-session", sessionId: 3n });
  expect(held.ending.aborted).toBe(false);
  await run(call(2, "close"));
  expect([held.ending.aborted, watches.size]).toEqual([true, 0]);

  await run(call(3, "create"));
  const again = hold();
  await run({ kind: "close-session", sessionId: SESSION });
  expect([again.ending.aborted, watches.size]).toEqual([true, 0]);
});

test("a state of another node's ends those watches whose primitive is not in it", async () => {
  const snapshot = memory.log(1).takeSnapshot();
  const held = hold();
  memory.log(1).install(snapshot);
  expect(held.ending.aborted).toBe(false);
  await run(call(2, "close"));
  const closed = memory.log(1).takeSnapshot();

  memory.log(1).install(snapshot);
  const late = hold();
  memory.log(1).install(closed);
  expect([late.ending.aborted, watches.size]).toEqual([true, 0]);
});
