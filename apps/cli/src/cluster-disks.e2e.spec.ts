// SPDX-License-Identifier: Apache-2.0
// Three servers whose disks lose what they should hold: a torn tail, a wiped directory, a record that
// rots, a disk that is full. Runs what is in dist.
import { readdirSync } from "node:fs";
import { connect } from "@conclave/client";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type ClusterProcesses, dataDirOf, startCluster } from "./e2e/cluster-processes.ts";
import { busiestNode, statusOf, untilVoters } from "./e2e/cluster-status.ts";
import { rotRecord, tearTail } from "./e2e/damage.ts";
import { eventually } from "./e2e/processes.ts";
import { expectKept, sayWhenLed } from "./e2e/promises.ts";
import { createScene, type Scene } from "./e2e/server.ts";
import { canMount, createSmallDisk, type SmallDisk } from "./e2e/small-disk.ts";
import { startWorkload } from "./e2e/workload.ts";

// Each wait has its own bound; a test is as slow as the sum of its waits on a busy machine.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

const DAMAGED = 14;

let scene: Scene;
let cluster: ClusterProcesses;

// For the tests after which a cluster is whole again.
beforeAll(async () => {
  scene = createScene();
  cluster = await startCluster(scene);
});

afterAll(() => scene?.[Symbol.asyncDispose]());

test("a node starts again with a torn log tail, and nothing acknowledged is lost", async () => {
  const workload = await startWorkload(cluster.urls);
  const leader = cluster.node(await busiestNode(cluster.urls[0] ?? ""));

  await leader.kill();
  tearTail(leader.dataDir);
  await leader.start();

  await expectKept(cluster, workload);
  expect((await statusOf(leader.url))?.members.map(({ incarnation }) => incarnation)).toEqual([
    0, 0, 0,
  ]);
});

test("a node whose data directory was wiped comes back as somebody else, and votes again", async () => {
  const workload = await startWorkload(cluster.urls);
  const wiped = cluster.node(2);

  await wiped.kill();
  wiped.wipe();
  await wiped.start();
  await untilVoters(cluster.urls, [1, 2, 3]);

  await expectKept(cluster, workload);
  const members = (await statusOf(cluster.urls[0] ?? ""))?.members ?? [];
  expect(members.map(({ node, incarnation }) => [node, incarnation === 0])).toEqual([
    [1, true],
    [2, false],
    [3, true],
  ]);
});

test("a record that rots on one node is found, and the node heals from the others", async () => {
  const workload = await startWorkload(cluster.urls);
  const rotten = cluster.node(3);

  await rotten.kill();
  rotRecord(rotten.dataDir);
  await rotten.start();
  await eventually(
    "it reports in as somebody else",
    async () => {
      const members = (await statusOf(cluster.urls[0] ?? ""))?.members ?? [];
      return members.some(({ node, incarnation }) => node === 3 && incarnation !== 0);
    },
    rotten.process.stderr,
  );
  await untilVoters(cluster.urls, [1, 2, 3]);

  await expectKept(cluster, workload);
  expect(readdirSync(rotten.dataDir).some((name) => name.startsWith("log-damaged"))).toBe(true);
});

// Beside the next: for half a minute these nodes look for others that know more, and do nothing else.
test.concurrent("records that rot on two of three nodes are refused loudly, and nothing is made up", async () => {
  await using scene = createScene();
  const cluster = await startCluster(scene);
  const workload = await startWorkload(cluster.urls);
  const rotten = [cluster.node(2), cluster.node(3)];

  await Promise.all(cluster.nodes.map((node) => node.kill()));
  for (const node of rotten) rotRecord(node.dataDir);
  for (const node of cluster.nodes) await node.start();

  for (const node of rotten) {
    expect(await node.process.exited).toBe(DAMAGED);
    expect(node.process.stderr()).toContain("log-0000000001");
    expect(readdirSync(node.dataDir).some((name) => name.startsWith("log-damaged"))).toBe(false);
  }
  const left = await statusOf(cluster.urls[0] ?? "");
  expect(left?.partitions.every(({ leader }) => leader === 0)).toBe(true);
  await workload.abandon();
});

// Small disks need a mount namespace of our own, which not every system lets us have.
test.skipIf(!canMount())(
  "a disk that is full, of a follower and then of a leader, costs no promise",
  { concurrent: true },
  async () => {
    await using scene = createScene();
    const disks: SmallDisk[] = [];
    for (const node of [1, 2, 3]) {
      disks.push(await createSmallDisk(scene, dataDirOf(scene, node), DISK_MEGABYTES));
    }
    const diskOf = (node: number): SmallDisk => disks[node - 1] as SmallDisk;
    const cluster = await startCluster(scene, {
      under: (node, args) => diskOf(node).conclave(args),
    });
    const workload = await startWorkload(cluster.urls);
    const follower = ((await busiestNode(cluster.urls[0] ?? "")) % 3) + 1;

    diskOf(follower).fill();
    await writeMuch(cluster.urls);
    await sayWhenLed(workload, "a follower's disk was full");
    diskOf(follower).free();
    const leader = await busiestNode(cluster.urls[0] ?? "");
    diskOf(leader).fill();
    await writeMuch(cluster.urls);
    await sayWhenLed(workload, "the leader's disk was full");
    diskOf(leader).free();

    await expectKept(cluster, workload);
  },
);

/** Room for all that is written here, unless somebody fills it. */
const DISK_MEGABYTES = 256;
/** Of 4 KiB each: more than the segments hold that a node has taken room for in advance. */
const WRITES = 9_000;
const WRITES_IN_FLIGHT = 64;

/** Resolves when all of them have been acknowledged. */
async function writeMuch(urls: readonly string[]): Promise<void> {
  await using client = await connect({ endpoints: urls });
  let acknowledged = 0;
  let failure: unknown;
  const text = "x".repeat(4_000);
  const write = async (slot: number): Promise<void> => {
    const office = await client.election(`bulk-${slot}`).campaign({ ttlMs: 60_000 });
    for (let i = slot; i < WRITES; i += WRITES_IN_FLIGHT) {
      await office.update({ text: `${i} ${text}` });
      acknowledged++;
    }
  };
  for (let slot = 0; slot < WRITES_IN_FLIGHT; slot++) {
    void write(slot).catch((error: unknown) => {
      failure = error;
    });
  }
  let before = -1;
  while (acknowledged < WRITES && failure === undefined) {
    // Each wait is for some progress and not for all of it: machines differ.
    await eventually(
      `more than ${before} of ${WRITES} writes are acknowledged`,
      () =>
        acknowledged > before + WRITES_IN_FLIGHT ||
        acknowledged === WRITES ||
        failure !== undefined,
    );
    before = acknowledged;
  }
  if (failure !== undefined) throw failure;
}
