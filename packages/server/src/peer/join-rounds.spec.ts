// SPDX-License-Identifier: Apache-2.0
import { createManualClock, createPrng } from "@conclave/base";
import { expect, test } from "vitest";
import { type JoinOutcome, type JoinRefusal, PEER_PROTOCOL_VERSION } from "../wire/introduction.ts";
import { runJoinRounds } from "./join-rounds.ts";

const request = {
  protocolVersion: PEER_PROTOCOL_VERSION,
  clusterId: "aa",
  ...{ node: 4, incarnation: 7, address: "d:4" },
};

const accepted: JoinOutcome = { kind: "accepted", members: [], membersAsOf: 12 };
const refused = (reason: JoinRefusal): JoinOutcome => ({ kind: "refused", reason, detail: reason });

/** Members whose answers come one after the other, by address; the last one is repeated. */
function asking(answers: Readonly<Record<string, readonly (JoinOutcome | undefined)[]>>) {
  const clock = createManualClock();
  const asked: string[] = [];
  const said: string[] = [];
  const over = new AbortController();
  const state = { isListed: false };
  const outcome = runJoinRounds({
    request,
    targets: () => Object.keys(answers),
    isDone: () => state.isListed,
    introducer: {
      async join(address) {
        const earlier = asked.filter((other) => other === address).length;
        asked.push(address);
        return answers[address]?.[earlier] ?? answers[address]?.at(-1);
      },
    },
    clock,
    prng: createPrng(1n),
    log: (text) => said.push(text),
    signal: over.signal,
  });
  let settled: { readonly outcome: JoinOutcome | undefined } | undefined;
  void outcome.then((value) => {
    settled = { outcome: value };
  });
  const run = async (ms: number): Promise<void> => {
    for (let step = 0; step < ms / 50; step++) {
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      clock.advance(50);
    }
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  return { run, asked, said, over, state, settled: () => settled };
}

test("members are asked in turns until one accepts", async () => {
  const world = asking({ a: [undefined], b: [refused("not-now"), accepted] });
  await world.run(2_000);
  expect(world.settled()).toEqual({ outcome: accepted });
  expect(world.asked).toEqual(["a", "b", "a", "b"]);
});

test("the same answer is said once, however often it comes", async () => {
  const world = asking({ a: [refused("not-now")] });
  await world.run(10_000);
  expect(world.asked.length).toBeGreaterThan(10);
  expect(world.said).toEqual(["asking a to be added: not yet: not-now"]);
});

test.each<JoinRefusal>(["malformed", "protocol-version", "foreign-cluster", "too-many-members"])(
  "%s is the last word",
  async (reason) => {
    const world = asking({ a: [refused(reason)] });
    await world.run(100);
    expect(world.settled()).toEqual({ outcome: refused(reason) });
    expect(world.asked).toEqual(["a"]);
  },
);

test("a number that is in use may be free a little later, and is given up after half a minute", async () => {
  const died = asking({ a: [refused("in-use"), refused("in-use"), accepted] });
  await died.run(5_000);
  expect(died.settled()).toEqual({ outcome: accepted });
  const lives = asking({ a: [refused("in-use")] });
  await lives.run(29_000);
  expect(lives.settled()).toBeUndefined();
  await lives.run(3_000);
  expect(lives.settled()).toEqual({ outcome: refused("in-use") });
});

test("nobody is asked any more once the cluster has taken the replica in by another way", async () => {
  const world = asking({ a: [undefined] });
  await world.run(1_000);
  world.state.isListed = true;
  await world.run(1_000);
  expect(world.settled()).toEqual({ outcome: undefined });
});

test("an abort ends the asking, in a pause too", async () => {
  const world = asking({ a: [undefined] });
  await world.run(50);
  world.over.abort();
  await world.run(0);
  expect(world.settled()).toEqual({ outcome: undefined });
});
