// SPDX-License-Identifier: Apache-2.0
import { createManualClock, type ManualClock } from "@conclave/base";
import { type Group, type Role, replicaIdOf } from "@conclave/raft";
import { expect, test } from "vitest";
import { handOverLeaderships } from "./hand-over.ts";

type Handed = Parameters<typeof handOverLeaderships>[0][number];
type Peer = ReturnType<Group["status"]>["peers"][number];

const peer = (node: number, differences: Partial<Peer> = {}): Peer => ({
  replica: replicaIdOf(node, 0),
  matchIndex: 9,
  isActive: true,
  isLearner: false,
  state: "replicate",
  ...differences,
});

/** A group that this node leads, until one of its peers has been asked for `takesMs`. */
function ledGroup(clock: ManualClock, peers: readonly Peer[], takesMs = 0) {
  const asked: number[] = [];
  let isLed = true;
  const group: Handed = {
    get role(): Role {
      if (isLed) return { kind: "leader", raftTerm: 3 };
      return { kind: "follower", raftTerm: 4, leader: asked[0] };
    },
    status: () => ({ peers }),
    transfer(node) {
      asked.push(node);
      clock.setTimer(takesMs, () => {
        isLed = false;
      });
    },
  };
  return { group, asked };
}

/** How long handing over took. */
async function handOver(clock: ManualClock, groups: readonly Handed[]): Promise<number> {
  const beganMs = clock.monotonicMs();
  let isOver = false;
  const over = handOverLeaderships(groups, clock).then(() => {
    isOver = true;
  });
  for (let turn = 0; turn < 1_000 && !isOver; turn++) {
    clock.advance(5);
    await Promise.resolve();
    await Promise.resolve();
  }
  await over;
  return clock.monotonicMs() - beganMs;
}

test("leaderships go to the others in turns, and it is over when they are gone", async () => {
  const clock = createManualClock();
  const groups = Array.from({ length: 4 }, () => ledGroup(clock, [peer(2), peer(3)], 40));
  const tookMs = await handOver(
    clock,
    groups.map(({ group }) => group),
  );
  expect(groups.map(({ asked }) => asked)).toEqual([[2], [3], [2], [3]]);
  expect(tookMs).toBeGreaterThanOrEqual(40);
  expect(tookMs).toBeLessThan(100);
});

test("who is silent or learns is not asked, who lags only if nobody is level", async () => {
  const clock = createManualClock();
  const peers = [
    peer(2, { isActive: false }),
    peer(3, { isLearner: true }),
    peer(4, { state: "snapshot" }),
    peer(5),
  ];
  const level = ledGroup(clock, peers);
  const lagging = ledGroup(clock, peers.slice(0, 3));
  await handOver(clock, [level.group, lagging.group]);
  expect(level.asked).toEqual([5]);
  expect(lagging.asked).toEqual([4]);
});

test("what nobody else could lead is kept, at once", async () => {
  const clock = createManualClock();
  const { group, asked } = ledGroup(clock, []);
  expect(await handOver(clock, [group])).toBeLessThan(10);
  expect(asked).toEqual([]);
});

test("an heir that does not take over is waited for a second and no longer", async () => {
  const clock = createManualClock();
  const { group } = ledGroup(clock, [peer(2)], 1e9);
  const tookMs = await handOver(clock, [group]);
  expect(tookMs).toBeGreaterThanOrEqual(1_000);
  expect(tookMs).toBeLessThan(1_100);
});
