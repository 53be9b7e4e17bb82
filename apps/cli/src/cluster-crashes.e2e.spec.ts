// SPDX-License-Identifier: Apache-2.0
// Three servers whose processes are killed, stopped and restarted while clients campaign, lead, steer
// and watch. Runs what is in dist.
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type ClusterProcesses, startCluster } from "./e2e/cluster-processes.ts";
import { busiestNode } from "./e2e/cluster-status.ts";
import { expectKept, sayWhenLed } from "./e2e/promises.ts";
import { createScene, type Scene } from "./e2e/server.ts";
import { startWorkload } from "./e2e/workload.ts";

// Each wait has its own bound; a test is as slow as the sum of its waits on a busy machine.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

const THREE_ELECTION_TIMEOUTS_MS = 1_800;

let scene: Scene;
let cluster: ClusterProcesses;

// One for all tests: each leaves it whole, and what befell it before is no excuse.
beforeAll(async () => {
  scene = createScene();
  cluster = await startCluster(scene);
});

afterAll(() => scene?.[Symbol.asyncDispose]());

test.each([
  { grace: "no grace", graceMs: 0 },
  { grace: "a grace", graceMs: 10_000 },
])(
  "kill -9 of the node that leads costs no promise and no office, with $grace",
  async ({ graceMs }) => {
    const workload = await startWorkload(cluster.urls, { graceMs });
    const leader = cluster.node(await busiestNode(cluster.urls[0] ?? ""));

    await leader.kill();
    await sayWhenLed(workload, "the kill");
    await leader.start();

    await expectKept(cluster, workload);
  },
);

test("kill -9 of a node that leads least costs no promise and no office", async () => {
  const workload = await startWorkload(cluster.urls);
  const leader = await busiestNode(cluster.urls[0] ?? "");
  const follower = cluster.node((leader % 3) + 1);

  await follower.kill();
  await sayWhenLed(workload, "the kill");
  await follower.start();

  await expectKept(cluster, workload);
});

test("kill -9 of all three nodes at once loses nothing that was acknowledged", async () => {
  const workload = await startWorkload(cluster.urls);

  await Promise.all(cluster.nodes.map((node) => node.kill()));
  await Promise.all(cluster.nodes.map((node) => node.start()));

  await expectKept(cluster, workload, { mayLoseOffices: true });
});

test("a leader that was stopped for three election timeouts does no harm when it goes on", async () => {
  const workload = await startWorkload(cluster.urls);
  const leader = cluster.node(await busiestNode(cluster.urls[0] ?? ""));

  leader.pause();
  await delay(THREE_ELECTION_TIMEOUTS_MS);
  leader.resume();

  await expectKept(cluster, workload);
});

test("a rolling restart costs no promise and no office", async () => {
  const workload = await startWorkload(cluster.urls);

  for (const node of cluster.nodes) {
    expect(await node.kill("SIGTERM")).toBe(0);
    await node.start();
    await cluster.ready();
  }

  await expectKept(cluster, workload);
});
