// SPDX-License-Identifier: Apache-2.0
// Three servers whose network delays, loses and swallows what they send to each other, in one direction
// or both, while clients go on. Linux only: the links need /proc. Runs what is in dist.
import { setTimeout as delay } from "node:timers/promises";
import { test, vi } from "vitest";
import { startCluster } from "./e2e/cluster-processes.ts";
import { busiestNode } from "./e2e/cluster-status.ts";
import type { Links } from "./e2e/links.ts";
import { expectKept, sayWhenLed } from "./e2e/promises.ts";
import { createScene } from "./e2e/server.ts";
import { startWorkload } from "./e2e/workload.ts";

// Each wait has its own bound; a test is as slow as the sum of its waits on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

const NODES = [1, 2, 3];
/** Longer than an election takes. */
const FAULT_MS = 2_000;

// Links give each node a loopback address of its own, which only Linux has without set-up.
const onLinux = test.skipIf(process.platform !== "linux");

onLinux("elections go on over links that take 200 ms there and back and lose 5 %", async () => {
  await using scene = createScene();
  const cluster = await startCluster(scene, { hasLinks: true });
  const workload = await startWorkload(cluster.urls);

  worsen(cluster.links, 100);
  await sayWhenLed(workload, "the links became bad");
  await delay(FAULT_MS);
  await sayWhenLed(workload, "some time with bad links");
  cluster.links?.heal();

  await expectKept(cluster, workload);
});

// An election takes longer than its timeout over such links: who leads may go on, and nobody else begins.
onLinux(
  "nothing is lost over links with 200 ms of delay each way and 5 % loss, and all goes on after",
  async () => {
    await using scene = createScene();
    const cluster = await startCluster(scene, { hasLinks: true });
    const workload = await startWorkload(cluster.urls);

    worsen(cluster.links, 200);
    await delay(2 * FAULT_MS);
    cluster.links?.heal();

    await expectKept(cluster, workload, { mayLoseOffices: true });
  },
);

onLinux.each<{ readonly fault: string; readonly cause: (links: Links, node: number) => void }>([
  {
    fault: "cannot be heard by the others",
    cause: (links, node) => silence(links, [node], others(node)),
  },
  { fault: "cannot hear the others", cause: (links, node) => silence(links, others(node), [node]) },
  { fault: "is cut off", cause: (links, node) => links.cut([node], others(node)) },
  {
    fault: "and one follower have lost each other",
    cause: (links, node) => links.cut([node], others(node).slice(0, 1)),
  },
])("no promise is broken while the node that leads $fault", async ({ cause }) => {
  await using scene = createScene();
  const cluster = await startCluster(scene, { hasLinks: true });
  const workload = await startWorkload(cluster.urls);
  const links = cluster.links;
  if (links === undefined) throw new Error("the cluster has no links");
  const leader = await busiestNode(cluster.urls[0] ?? "");

  cause(links, leader);
  await sayWhenLed(workload, "the fault");
  await delay(FAULT_MS);
  await sayWhenLed(workload, "some time with the fault");
  links.heal();

  await expectKept(cluster, workload);
});

function worsen(links: Links | undefined, delayMs: number): void {
  for (const from of NODES) {
    for (const to of NODES) links?.treat(from, to, { delayMs, lossShare: 0.05 });
  }
}

function others(node: number): readonly number[] {
  return NODES.filter((one) => one !== node);
}

function silence(links: Links, from: readonly number[], to: readonly number[]): void {
  for (const one of from) for (const other of to) links.treat(one, other, { isSilent: true });
}
