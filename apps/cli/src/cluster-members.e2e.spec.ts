// SPDX-License-Identifier: Apache-2.0
// A cluster whose members change, and servers that do not belong to it. Runs what is in dist.
import { expect, test, vi } from "vitest";
import { type ClusterProcesses, createCluster, startCluster } from "./e2e/cluster-processes.ts";
import { statusOf, untilVoters } from "./e2e/cluster-status.ts";
import type { Running } from "./e2e/processes.ts";
import { expectKept } from "./e2e/promises.ts";
import { createScene, type Scene } from "./e2e/server.ts";
import { startWorkload } from "./e2e/workload.ts";

// Each wait has its own bound; a test is as slow as the sum of its waits on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

test("a fourth node joins and the first is removed, and no promise is broken", async () => {
  await using scene = createScene();
  const cluster = await startCluster(scene);
  const workload = await startWorkload(cluster.urls);

  const fourth = await cluster.join(4);
  await untilVoters([...cluster.urls, fourth.url], [1, 2, 3, 4]);
  for (const node of [2, 4]) {
    const asked = at(scene, cluster, ["cluster", "status", "--node", `${node}`, "-o", "json"]);
    expect(await asked.exited, asked.stderr()).toBe(0);
    expect(JSON.parse(asked.stdout())).toMatchObject({ node });
  }
  const listed = at(scene, cluster, ["session", "ls", "-o", "json"]);
  expect(await listed.exited, listed.stderr()).toBe(0);
  // Those of the workload, from the leaders of all partitions.
  const sessions = JSON.parse(listed.stdout()) as { readonly partition: number }[];
  expect(new Set(sessions.map(({ partition }) => partition)).size).toBeGreaterThan(1);
  const remove = at(scene, cluster, ["cluster", "remove", "1"]);
  expect(await remove.exited, remove.stderr()).toBe(0);
  const left = [cluster.node(2), cluster.node(3), fourth];
  await untilVoters(
    left.map(({ url }) => url),
    [2, 3, 4],
  );

  await expectKept(cluster, workload, { nodes: left });
  const members = (await statusOf(fourth.url))?.members ?? [];
  expect(members.map(({ node }) => node)).toEqual([2, 3, 4]);
});

test("a node that is started with another list than the others says which entry differs", async () => {
  await using scene = createScene();
  const cluster = await createCluster(scene);
  await Promise.all([cluster.node(1), cluster.node(2)].map((node) => node.start()));

  const [one, two, three] = cluster.urls.map((url) => new URL(url).host);
  const stranger = scene.processes.conclave([
    ...["server", "--node", "3", "--listen", three ?? "", "--data-dir", cluster.node(3).dataDir],
    ...["--cluster", `1=${one},2=${two},3=${three},4=127.0.0.1:1`],
  ]);

  expect(await stranger.exited, stranger.stderr()).not.toBe(0);
  expect(stranger.stderr()).toContain("4=127.0.0.1:1");
});

test("a node with another cluster's token is not let in, and says so", async () => {
  await using scene = createScene();
  const cluster = await startCluster(scene);
  const third = cluster.node(3);
  await third.kill();
  third.wipe();

  const [one, two, three] = cluster.urls.map((url) => new URL(url).host);
  const stranger = scene.processes.conclave([
    ...["server", "--node", "3", "--listen", three ?? "", "--data-dir", third.dataDir],
    ...["--cluster", `1=${one},2=${two},3=${three}`, "--cluster-token", "another"],
  ]);

  expect(await stranger.exited, stranger.stderr()).not.toBe(0);
  expect(stranger.stderr()).toContain("token");
  await cluster.ready([cluster.node(1), cluster.node(2)]);
});

function at(scene: Scene, cluster: ClusterProcesses, args: readonly string[]): Running {
  return scene.processes.conclave(args, { CONCLAVE_ENDPOINTS: cluster.urls.join(",") });
}
