// SPDX-License-Identifier: Apache-2.0
/** S0 over nodes in memory: what its unmodified clients see (semantics 2.5 A and C, 4.1). */

import { expect, test } from "vitest";
import { createMemoryNode, type MemoryNode, settled } from "../replica/memory-node.ts";
import { openS0, S0Client, type S0Verb } from "./memory-s0.ts";

/** Of `e` among three partitions. */
const HOME = 3;

async function clients(memory: MemoryNode, count: number): Promise<S0Client[]> {
  const door = openS0(memory);
  const opened: S0Client[] = [];
  for (let i = 0; i < count; i++) opened.push(await S0Client.open(door, HOME));
  return opened;
}

const STEPS: readonly (readonly [who: number, S0Verb, candidate: string, expected: string])[] = [
  [1, "enter", "e1", "1 e1 [e1]"],
  [2, "enter", "e2", "1 e1 [e1 e2]"],
  [3, "enter", "e3", "1 e1 [e1 e2 e3]"],
  [3, "promote", "e3", "1 e1 [e1 e3 e2]"],
  [3, "promote", "e3", "2 e3 [e3 e1 e2]"],
  [2, "anoint", "e2", "3 e2 [e2 e3 e1]"],
  [2, "withdraw", "e2", "4 e3 [e3 e1]"],
  [3, "evict", "e3", "5 e1 [e1]"],
  [2, "enter", "e2", "5 e1 [e1 e2]"],
  [1, "anoint", "e2", "6 e2 [e2 e1]"],
];

test("scenario A: each answer and each event is what the original client's own test asserts", async () => {
  const memory = createMemoryNode(3);
  const [e1, e2, e3] = (await clients(memory, 3)) as [S0Client, S0Client, S0Client];
  for (const client of [e1, e2, e3]) await client.create();
  const watch = await e1.watch();
  expect((await e1.getTerm()).term).toMatchObject({ id: 0n, leader: "", candidates: [] });
  expect((await e1.getTerm()).term?.timestamp).toBeUndefined();

  for (const [who, verb, candidate, expected] of STEPS) {
    const { shown, term } = await [e1, e2, e3][who - 1]!.ask(verb, candidate);
    expect(shown).toContain(`: ${expected}`);
    await settled();
    expect(watch.terms.at(-1)).toBe(expected);
    expect(term?.timestamp).toBeDefined();
  }
  await e2.close();
  await settled();
  expect(watch.terms.at(-1)).toBe("7 e1 [e1]");
  expect(watch.terms).toHaveLength(STEPS.length + 1);

  for (const client of [e1, e3]) await client.close();
  for (const client of [e1, e2]) await client.create();
  expect((await e1.getTerm()).shown).toContain(": 7 - []");
  await e1.close();
  for (const client of [e1, e2]) expect((await client.delete()).shown).not.toContain("ERROR");
  await e3.create();
  expect((await e3.getTerm()).shown).toContain(": 0 - []");
});
