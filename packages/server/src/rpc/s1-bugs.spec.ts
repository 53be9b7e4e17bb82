// SPDX-License-Identifier: Apache-2.0
/**
 * What the originals of S1 did wrong and this one does right, by the numbers of semantics part 3, each
 * as a client of S1 sees it. Those of watches (11, 15, 16, 45) stand in s1-watch.spec.ts.
 */

import { describe, expect, test } from "vitest";
import { createMemoryCluster } from "../replica/memory-cluster.ts";
import { createMemoryNode, type MemoryNode, settled } from "../replica/memory-node.ts";
import { openS1, S1Client, type S1Verb } from "./memory-s1.ts";

async function client(memory: MemoryNode, timeoutS = 60): Promise<S1Client> {
  const opened = await S1Client.open(openS1(memory), 1, timeoutS);
  await opened.create();
  return opened;
}

/** Candidates, each of a session of its own, entered in turn. */
async function queued(names: string, timeoutS = 60): Promise<[MemoryNode, ...S1Client[]]> {
  const memory = createMemoryNode();
  const clients: S1Client[] = [];
  for (const name of names) {
    const one = await client(memory, timeoutS);
    await one.ask("enter", name);
    clients.push(one);
  }
  return [memory, ...clients];
}

async function after(names: string, verb: S1Verb, candidate: string): Promise<string> {
  const [, one] = await queued(names);
  return await one!.ask(verb, candidate);
}

test("bug 1: whoever is anointed leads, and not the last in the queue; the rest keep their order", async () => {
  expect(await after("abcd", "anoint", "b")).toBe("2 b [a c d]");
  expect(await after("abcd", "anoint", "c")).toBe("2 c [a b d]");
});

test("bug 2: a step down swaps two and loses nobody", async () => {
  expect(await after("abcd", "demote", "b")).toBe("1 a [c b d]");
});

test("bug 3: a step up or down in the midst of the queue is a swap", async () => {
  expect(await after("abcd", "promote", "c")).toBe("1 a [c b d]");
  expect(await after("abcd", "demote", "c")).toBe("1 a [b d c]");
});

test("bug 4: the office is vacant when the leader's session ends behind a queue that is empty again", async () => {
  const [, a, b] = await queued("ab");
  await b!.ask("withdraw", "b");
  await a!.closeSession();
  expect(await b!.getTerm()).toBe("1 - []");
});

test("bug 5: the old leader of an anointment, or of a step up, is second", async () => {
  expect(await after("ab", "anoint", "b")).toBe("2 b [a]");
  expect(await after("ab", "promote", "b")).toBe("2 b [a]");
});

describe("bug 6: whoever leads is bound to its own session", () => {
  test("the end of a later leader's session makes room", async () => {
    const [, a, b] = await queued("abc");
    await a!.ask("anoint", "b");
    await b!.closeSession();
    expect(await a!.getTerm()).toBe("3 a [c]");
  });

  test("the end of the first leader's session leaves the present one alone", async () => {
    const [, a, b] = await queued("abc");
    await a!.ask("anoint", "b");
    await a!.closeSession();
    expect(await b!.getTerm()).toBe("2 b [c]");
  });
});

test("bug 7: one who waits leaves with its session and is never elected", async () => {
  const [, a, b] = await queued("abc");
  await b!.closeSession();
  expect(await a!.ask("withdraw", "a")).toBe("2 c []");
});

test("bug 8: a primitive that is closed, created, entered and closed again is left again", async () => {
  const [, a, b] = await queued("ab");
  await b!.close();
  await b!.create();
  expect(await b!.ask("enter", "b")).toBe("1 a [b]");
  await b!.close();
  expect(await a!.getTerm()).toBe("1 a []");
});

test("bug 9: a withdrawal goes by its name, that of one who waits too", async () => {
  expect(await after("abc", "withdraw", "nonsense")).toBe("1 a [b c]");
  expect(await after("abc", "withdraw", "b")).toBe("1 a [c]");
});

test("bug 10: a leader that enters again does not wait behind itself", async () => {
  expect(await after("ab", "enter", "a")).toBe("1 a [b]");
});

test("bug 12: a step down of the last changes nothing and is no event", async () => {
  const [, a] = await queued("ab");
  const watch = await a!.watch();
  expect(await a!.ask("demote", "b")).toBe("1 a [b]");
  await settled();
  expect(watch.seen).toEqual([]);
});

test("bug 13: Demote is served", async () => {
  expect(await after("abc", "demote", "b")).toBe("1 a [c b]");
});

test("bug 14: a leader that steps down is second, and the one behind it takes office", async () => {
  expect(await after("abc", "demote", "a")).toBe("2 b [a c]");
  expect(await after("a", "demote", "a")).toBe("1 a []");
});

test("bug 40: a dead session expires while another of its partition is kept alive", async () => {
  const [memory, a, b] = await queued("ab", 2);
  for (let i = 0; i < 3; i++) {
    await memory.advance(1_000);
    await b!.keepAlive(1);
  }
  expect(await b!.getTerm()).toBe("2 b []");
  expect(await a!.keepAlive(1)).toBe("PermissionDenied: session not found");
});

test("bug 41: a session expires on a partition where nobody asks for anything", async () => {
  const [memory] = await queued("ab", 2);
  await memory.advance(2_500);
  const key = { kind: "election", namespace: "default", name: "e" } as const;
  expect(memory.node.partition(1).view(key)).toMatchObject({ queue: [], term: 1n });
  expect(memory.node.partition(1).view(key).leader).toBeUndefined();
});

test("bug 42: a read asks the leader, so that a replica that is behind shows nothing old", async () => {
  const cluster = await createMemoryCluster();
  const at = (node: number) => openS1({ ...cluster.at(node), clock: cluster.clock });
  const a = await S1Client.open(at(2));
  await a.create();
  await a.ask("enter", "a");
  const b = await S1Client.open(at(1));
  await b.create();
  cluster.group(1).lag(2);
  await b.ask("anoint", "a");
  await b.ask("enter", "b");
  await b.ask("anoint", "b");

  const read = a.getTerm(0n);
  await settled();
  cluster.group(1).catchUp(2);
  expect(await read).toBe("2 b [a]");

  cluster.group(1).cut(3);
  a.door = at(3);
  const refused = a.getTerm(0n);
  await cluster.advance(5_100);
  expect(await refused).toContain("Unavailable");
});

test("bug 43: a number that a KeepAlive has purged is refused when it comes again, not executed", async () => {
  const [, a] = await queued("a");
  await a!.ask("withdraw", "a");
  await a!.keepAlive(3);
  expect(await a!.ask("enter", "a", { number: 2 })).toContain("in band CONFLICT");
  expect(await a!.getTerm()).toBe("1 - []");
});

test("bug 44: commands run as they arrive, and one that was overtaken still runs", async () => {
  const [, a] = await queued("a");
  expect(await a!.ask("enter", "c", { number: 4 })).toBe("1 a [c]");
  await a!.keepAlive(4, [3]);
  expect(await a!.ask("enter", "b", { number: 3 })).toBe("1 a [c b]");
});

/** Enters as many candidates as an election holds. */
async function fill(memory: MemoryNode, sessionId: bigint): Promise<void> {
  const key = { kind: "election", namespace: "default", name: "e" } as const;
  const commands = Array.from({ length: 1_024 }, (_, i) => {
    const operation = { kind: "enter", key, candidate: `c${i}` } as const;
    return { kind: "dialect-call", sessionId, order: { kind: "free" }, operation } as const;
  });
  const giveUpAtMs = memory.node.giveUpAtMs();
  const settle = (): void => {};
  memory.node.partition(1).submit({ commands, giveUpAtMs, mayUseReserve: false, settle });
  await settled();
}

test("bug 46: no answer has the status for which the driver ends its process", async () => {
  const [memory, a] = await queued("a");
  await fill(memory, a!.sessionId);
  const answers = [
    await a!.ask("enter", "one too many"),
    await a!.ask("enter", ""),
    await a!.ask("enter", "b", { primitiveId: 9n }),
    await a!.create("", {}),
    await a!.create("e", { service: "another" }),
    await a!.getTerm(1n << 40n),
  ];
  memory.log(1).follow(undefined);
  const waiting = a!.ask("enter", "b");
  await memory.advance(5_100);
  answers.push(await waiting);
  for (const answer of answers) expect(answer).not.toMatch(/FAULT|DataLoss/);
  expect(answers[0]).toBe("in band UNAVAILABLE: too many candidates");
  expect(answers.at(-1)).toContain("Unavailable");
});

test("bug 47: a session that was lost is told apart from one that cannot be reached now", async () => {
  const [memory, a] = await queued("a", 2);
  memory.log(1).follow(undefined);
  expect(await a!.keepAlive(1)).toBe("Unavailable: not renewed, try again");
  memory.log(1).lead();
  await memory.advance(3_000);
  expect(await a!.keepAlive(1)).toBe("PermissionDenied: session not found");
});
