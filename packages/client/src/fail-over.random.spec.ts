// SPDX-License-Identifier: Apache-2.0
/**
 * Clients of a cluster of three, whose nodes die in every way and at every moment, one at a time: no
 * leadership that is held is lost to it. From one fixed seed, so that a failure is everybody's and not
 * one run's luck: to look further, give another.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Leadership } from "./leadership.ts";
import { createWorld, nameOn, type World } from "./memory/memory-world.ts";

const PARTITIONS = 4;
const NODES = [1, 2, 3] as const;

interface Death {
  readonly node: number;
  /** How it goes, as the client sees it; a cut-off node still answers, and serves nothing. */
  readonly state: "refusing" | "silent" | "cut-off";
  readonly afterMs: number;
  readonly forMs: number;
}

interface Times {
  readonly ttlMs: number;
  readonly graceMs?: number;
}

const death: fc.Arbitrary<Death> = fc.record({
  node: fc.constantFrom(...NODES),
  state: fc.constantFrom("refusing" as const, "silent" as const, "cut-off" as const),
  afterMs: fc.integer({ min: 0, max: 4_000 }),
  forMs: fc.integer({ min: 100, max: 8_000 }),
});

/**
 * Nodes 3 and 2 led partitions 3 and 2. When the second dies, two partitions go unconfirmed at once
 * over one attachment, the one with 750 ms left and the other with a whole TTL.
 */
const UNEQUAL_LEASES: [Death[], Times, number, number, bigint] = [
  [
    { node: 3, state: "refusing", afterMs: 2_109, forMs: 2_728 },
    { node: 2, state: "refusing", afterMs: 1_537, forMs: 6_478 },
  ],
  { ttlMs: 10_000, graceMs: 1_000 },
  23,
  3,
  1_415_395_246n,
];

/**
 * Node 3's stream breaks 5 s after its short silence. The session tries node 1, which is dead by then,
 * and while it waits for a welcome, its attachment there is given up: 750 ms are left of a long lease.
 */
const TRIES_THE_DEAD: typeof UNEQUAL_LEASES = [
  [
    { node: 2, state: "cut-off", afterMs: 109, forMs: 5_408 },
    { node: 2, state: "refusing", afterMs: 3_135, forMs: 5_737 },
    { node: 3, state: "silent", afterMs: 2_824, forMs: 449 },
    { node: 1, state: "silent", afterMs: 280, forMs: 6_576 },
  ],
  { ttlMs: 10_000, graceMs: 1_000 },
  19,
  3,
  1n,
];

test("no leadership is lost to the death of a minority of the nodes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(death, { minLength: 3, maxLength: 6 }),
      fc.constantFrom<Times[]>(
        { ttlMs: 3_000 },
        { ttlMs: 3_000, graceMs: 1_000 },
        { ttlMs: 10_000 },
        { ttlMs: 10_000, graceMs: 1_000 },
      ),
      fc.integer({ min: 0, max: 30 }),
      fc.constantFrom(1, 3),
      fc.bigInt({ min: 1n, max: 1n << 32n }),
      async (deaths, times, lagMs, endpointCount, seed) => {
        const world = createWorld({ partitionCount: PARTITIONS, nodeCount: 3, seed, stepMs: 25 });
        const endpoints = NODES.slice(0, endpointCount).map((node) => `http://node-${node}`);
        const { client } = await world.start({ endpoints });
        world.server.nodes.setLag(1 + Number(seed % 3n), lagMs);
        const leaderships: Leadership[] = [];
        for (let partition = 1; partition <= PARTITIONS; partition++) {
          const campaigning = client.election(nameOn(partition, PARTITIONS)).campaign(times);
          await world.advance(500);
          leaderships.push(await campaigning);
        }

        for (const { node, state, afterMs, forMs } of deaths) {
          await passHeld(world, leaderships, afterMs);
          world.server.setNode(node, state);
          await passHeld(world, leaderships, forMs);
          world.server.setNode(node, "up");
          // The next one does not die before the dead one's partitions are led again.
          await passHeld(world, leaderships, 1_500);
        }

        await world.advance(1_000);
        for (const leadership of leaderships)
          expect(String(leadership.assertHeld())).toMatch(/#1$/);
        const closing = client.close();
        await world.advance(6_000);
        await closing;
        expect(world.clock.pendingTimers).toBe(0);
      },
    ),
    { numRuns: 200, seed: 1, endOnFailure: true, examples: [UNEQUAL_LEASES, TRIES_THE_DEAD] },
  );
}, 60_000);

async function passHeld(
  world: World,
  leaderships: readonly Leadership[],
  ms: number,
): Promise<void> {
  for (let left = ms; left > 0; left -= 50) {
    await world.advance(Math.min(50, left));
    for (const { signal, fence } of leaderships) {
      if (signal.aborted) throw new Error(`${fence} is lost: ${signal.reason}`);
    }
  }
}
