// SPDX-License-Identifier: Apache-2.0
import { createManualClock, createPrng } from "@conclave/base";
import { describe, expect, test } from "vitest";
import type { Introduction } from "../wire/introduction.ts";
import { decideFormation, type Founder, isMajorityIntact } from "./formation.ts";
import { runFormationRounds } from "./formation-rounds.ts";

const LIST = [
  { node: 1, address: "10.0.0.1:7400" },
  { node: 2, address: "10.0.0.2:7400" },
  { node: 3, address: "10.0.0.3:7400" },
];

const self: Founder = {
  node: 1,
  clusterId: "aa",
  partitionCount: 8,
  nonce: "n1",
  listed: LIST,
};

function unformed(node: number, change: Partial<Introduction> = {}): Introduction {
  return {
    ...{ protocolVersion: 1, version: "1.0.0", clusterId: "aa", partitionCount: 8 },
    ...{ node, incarnation: 0, state: "unformed", nonce: `n${node}`, recorded: {} },
    ...{ hasLeader: false, listed: LIST, members: [], membersAsOf: 0 },
    ...change,
  };
}

const formed = (node: number, recorded: Record<string, string>): Introduction =>
  unformed(node, { state: "formed", recorded });
const joining = (node: number): Introduction =>
  unformed(node, { state: "joining", incarnation: 99 });

function decide(...answers: readonly Introduction[]) {
  return decideFormation(self, new Map(answers.map((answer) => [answer.node, answer])));
}

describe("a directory of a first start", () => {
  test("forms with the others once all are as new as it is, and writes their nonces down", () => {
    const recorded = { "1": "n1", "2": "n2", "3": "n3" };

    expect(decide(unformed(2), unformed(3))).toEqual({ kind: "form", recorded });
  });

  test("forms at once where it is the only member", () => {
    const alone = { ...self, listed: LIST.slice(0, 1) };

    expect(decideFormation(alone, new Map())).toEqual({ kind: "form", recorded: { "1": "n1" } });
  });

  test("waits for each member that has not answered", () => {
    const wait = { kind: "wait", reason: "silent" };

    expect(decide(unformed(2))).toEqual({ ...wait, silent: [3] });
    expect(decide()).toEqual({ ...wait, silent: [2, 3] });
  });

  test("waits for the last one even where another has formed with it", () => {
    const decision = decide(formed(2, { "1": "n1", "2": "n2", "3": "n3" }));

    expect(decision).toMatchObject({ kind: "wait", silent: [3] });
  });

  test("forms with the record of the one that has formed, not with what it sees itself", () => {
    const recorded = { "1": "n1", "2": "n2", "3": "before" };

    expect(decide(formed(2, recorded), unformed(3))).toEqual({ kind: "form", recorded });
  });

  test("forms beside one that was wiped and asks to join", () => {
    const recorded = { "1": "n1", "2": "n2", "3": "before" };

    expect(decide(formed(2, recorded), joining(3))).toEqual({ kind: "form", recorded });
  });

  test("joins where one that has formed knew another directory of this node", () => {
    const recorded = { "1": "before", "2": "n2", "3": "n3" };

    expect(decide(unformed(3), formed(2, recorded))).toEqual({ kind: "join", recorded });
  });

  test("joins where one that has formed knew none, whoever is silent", () => {
    expect(decide(formed(2, { "2": "n2", "3": "n3" }))).toMatchObject({ kind: "join" });
  });

  test("joins where only one of two that have formed knew another directory", () => {
    const decision = decide(
      formed(2, { "1": "n1", "2": "n2", "3": "n3" }),
      formed(3, { "1": "before", "2": "n2", "3": "n3" }),
    );

    expect(decision).toMatchObject({ kind: "join" });
  });

  test("forms no second cluster where a member joins one of which nobody is left", () => {
    const decision = decide(unformed(2), joining(3));

    expect(decision).toEqual({ kind: "wait", reason: "majority-lost", joining: [3] });
  });
});

describe("a member that was told something else at its start is named with what differs", () => {
  const withList = (listed: Introduction["listed"]): Introduction =>
    unformed(2, { clusterId: "bb", listed });

  test.each<[string, Introduction]>([
    [
      "node 2 lists 3=10.0.0.9:7400 where this node lists 3=10.0.0.3:7400",
      withList([...LIST.slice(0, 2), { node: 3, address: "10.0.0.9:7400" }]),
    ],
    ["node 2 does not list 3=10.0.0.3:7400", withList(LIST.slice(0, 2))],
    [
      "node 2 lists 4=10.0.0.4:7400, which this node does not",
      withList([...LIST, { node: 4, address: "10.0.0.4:7400" }]),
    ],
    ["node 2 was started without this list of members", withList([])],
    [
      "node 2 was started with 16 partitions, this one with 8",
      unformed(2, { clusterId: "bb", partitionCount: 16 }),
    ],
    ["node 2 was started with another cluster token", unformed(2, { clusterId: "bb" })],
    [
      "node 2 (version 2.0.0) speaks protocol 2 between nodes, this one 1",
      unformed(2, { protocolVersion: 2, version: "2.0.0" }),
    ],
  ])("%s", (difference, answer) => {
    expect(decide(answer)).toEqual({ kind: "refuse", node: 2, difference });
  });

  test("an address behind which another node answers", () => {
    const decision = decideFormation(self, new Map([[2, unformed(3)]]));

    const difference = "10.0.0.2:7400 is listed as node 2 and answers as node 3";
    expect(decision).toEqual({ kind: "refuse", node: 2, difference });
  });
});

test("a log with rot is set aside only where somebody hears a leader", () => {
  expect(isMajorityIntact([])).toBe(false);
  expect(isMajorityIntact([unformed(2), formed(3, {})])).toBe(false);
  expect(isMajorityIntact([unformed(2), unformed(3, { hasLeader: true })])).toBe(true);
});

describe("asking round after round", () => {
  test("says once who is missing, and goes on as soon as all have answered", async () => {
    const clock = createManualClock();
    const said: string[] = [];
    const present = new Map([["10.0.0.2:7400", unformed(2)]]);
    const rounds = runFormationRounds({
      self,
      introducer: { introduce: (address) => Promise.resolve(present.get(address)) },
      clock,
      prng: createPrng(1n),
      log: (text) => said.push(text),
      signal: new AbortController().signal,
    });

    for (let round = 0; round < 5; round++) await passPause(clock);
    present.set("10.0.0.3:7400", unformed(3));
    await passPause(clock);

    await expect(rounds).resolves.toMatchObject({ kind: "form" });
    expect(said).toEqual([
      "waiting for node 3 at 10.0.0.3:7400: a new cluster begins when all listed members have answered",
    ]);
    expect(clock.pendingTimers).toBe(0);
  });

  test("ends when it is told to", async () => {
    const clock = createManualClock();
    const controller = new AbortController();
    const rounds = runFormationRounds({
      self,
      introducer: { introduce: () => Promise.resolve(undefined) },
      clock,
      prng: createPrng(1n),
      log: () => {},
      signal: controller.signal,
    });
    await settled();

    controller.abort();

    await expect(rounds).resolves.toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });
});

async function passPause(clock: ReturnType<typeof createManualClock>): Promise<void> {
  await settled();
  clock.advance(600);
  await settled();
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
