// SPDX-License-Identifier: Apache-2.0
import { createManualClock } from "@conclave/base";
import { expect, test } from "vitest";
import { DialPace } from "./dial-pace.ts";
import { createWorld, nameOn } from "./memory/memory-world.ts";

const PLACE = "http://a";

test("so many attempts are under way at a place that nothing is known of, and an answer makes room for two", () => {
  const rig = createRig();

  rig.knock(100);
  expect(rig.made()).toBe(32);

  rig.pace.ended(PLACE, "answered");
  expect(rig.made()).toBe(34);
});

test("a place that fails has few attempts under way, a while after one another, until it answers", () => {
  const rig = createRig();
  rig.knock(32);
  for (let i = 0; i < 32; i++) rig.pace.ended(PLACE, "failed");

  rig.knock(100);
  expect(rig.made()).toBe(32);
  rig.clock.advance(10_000);
  expect(rig.made()).toBe(36);

  rig.pace.ended(PLACE, "answered");
  expect(rig.made()).toBe(38);
});

test("two attempts at a place that has failed lie 100 ms apart", () => {
  const rig = createRig();
  rig.knock(1);
  rig.pace.ended(PLACE, "failed");

  rig.knock(2);
  rig.clock.advance(99);
  expect(rig.made()).toBe(1);
  rig.clock.advance(1);
  expect(rig.made()).toBe(2);
  rig.clock.advance(99);
  expect(rig.made()).toBe(2);
  rig.clock.advance(1);
  expect(rig.made()).toBe(3);
});

test("who waits for a place that fails meanwhile chooses again", () => {
  const rig = createRig();
  rig.knock(34);

  rig.pace.ended(PLACE, "failed");

  expect(rig.chosenAgain()).toBe(2);
});

test("an attempt that is given up makes room and says nothing of the place", () => {
  const rig = createRig();
  rig.knock(34);

  rig.pace.ended(PLACE, "given-up");

  expect(rig.made()).toBe(33);
  expect(rig.chosenAgain()).toBe(0);
});

test("a turn that was withdrawn is not made, and leaves no timer", () => {
  const rig = createRig();
  rig.knock(1);
  rig.pace.ended(PLACE, "failed");

  const withdraw = rig.knock(1);
  withdraw();
  rig.clock.advance(1_000);

  expect(rig.made()).toBe(1);
  expect(rig.clock.pendingTimers).toBe(0);
});

test("the sessions of a process do not greet a node all at once that does not answer", async () => {
  const world = createWorld();
  const { client, sent } = await world.start();
  world.server.setNode(1, "silent");

  for (let i = 0; i < 200; i++) {
    client
      .election(nameOn(1))
      .campaign({ candidate: `c${i}`, ttlMs: 10_000 + i })
      .catch(() => {});
  }
  await world.advance(1_000);

  const greetings = sent.filter(({ frame }) => frame.hello?.session !== undefined);
  // 32, and one for the answer that the client itself has had.
  expect(greetings).toHaveLength(33);
});

function createRig(): {
  readonly clock: ReturnType<typeof createManualClock>;
  readonly pace: DialPace;
  readonly made: () => number;
  readonly chosenAgain: () => number;
  /** Takes so many turns; answers what withdraws the last. */
  readonly knock: (count: number) => () => void;
} {
  const clock = createManualClock();
  const pace = new DialPace(clock);
  let [made, chosenAgain] = [0, 0];
  return {
    clock,
    pace,
    made: () => made,
    chosenAgain: () => chosenAgain,
    knock(count) {
      let withdraw = (): void => {};
      for (let i = 0; i < count; i++) {
        withdraw = pace.takeTurn(PLACE, {
          go: () => {
            made++;
          },
          chooseAgain: () => {
            chosenAgain++;
          },
        });
      }
      return withdraw;
    },
  };
}
