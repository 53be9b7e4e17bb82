// SPDX-License-Identifier: Apache-2.0
// Three servers whose network delays, loses and swallows what they send to each other, in one direction
// or both, while clients go on. Runs what is in dist.
import { setTimeout as delay } from "node:timers/promises";
import { TestCluster } from "@conclave/testing";
import { afterAll, beforeAll, test, vi } from "vitest";
import { busiestNode } from "./e2e/cluster-status.ts";
import { expectKept, type KeptCluster, sayWhenLed } from "./e2e/promises.ts";
import { startWorkload } from "./e2e/workload.ts";

// Each wait has its own bound; a test is as slow as the sum of its waits on a busy machine.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

const NODES = [1, 2, 3];
/** Longer than an election takes. */
const FAULT_MS = 2_000;

let cluster: TestCluster;

// One for all tests: each heals it, and what befell it before is no excuse.
beforeAll(async () => {
  cluster = await TestCluster.start({ processes: true });
});

afterAll(() => cluster?.[Symbol.asyncDispose]());

test("elections go on over links that take 200 ms there and back and lose 5 %", async () => {
  const workload = await startWorkload(cluster.endpoints);

  worsen(100);
  await sayWhenLed(workload, "the links became bad");
  await delay(FAULT_MS);
  await sayWhenLed(workload, "some time with bad links");
  cluster.heal();

  await expectKept(kept(), workload);
});

// An election takes longer than its timeout over such links: who leads may go on, and nobody else begins.
test("nothing is lost over links with 200 ms of delay each way and 5 % loss, and all goes on after", async () => {
  const workload = await startWorkload(cluster.endpoints);

  worsen(200);
  await delay(2 * FAULT_MS);
  cluster.heal();

  await expectKept(kept(), workload, { mayLoseOffices: true });
});

test.each<{ readonly fault: string; readonly cause: (node: number) => void }>([
  { fault: "cannot be heard by the others", cause: (node) => silence([node], others(node)) },
  { fault: "cannot hear the others", cause: (node) => silence(others(node), [node]) },
  { fault: "is cut off", cause: (node) => cluster.partition([node], others(node)) },
  {
    fault: "and one follower have lost each other",
    cause: (node) => cluster.partition([node], others(node).slice(0, 1)),
  },
])("no promise is broken while the node that leads $fault", async ({ cause }) => {
  const workload = await startWorkload(cluster.endpoints);
  const leader = await busiestNode(cluster.endpoints[0] ?? "");

  cause(leader);
  await sayWhenLed(workload, "the fault");
  await delay(FAULT_MS);
  await sayWhenLed(workload, "some time with the fault");
  cluster.heal();

  await expectKept(kept(), workload);
});

/** As what is asked in the end knows clusters. */
function kept(): KeptCluster<{ readonly url: string }> {
  return {
    nodes: cluster.endpoints.map((url) => ({ url })),
    ready: () => cluster.ready(),
  };
}

function worsen(delayMs: number): void {
  for (const from of NODES) {
    for (const to of NODES) cluster.treat(from, to, { delayMs, lossShare: 0.05 });
  }
}

function others(node: number): readonly number[] {
  return NODES.filter((one) => one !== node);
}

function silence(from: readonly number[], to: readonly number[]): void {
  for (const one of from) for (const other of to) cluster.treat(one, other, { isSilent: true });
}
