// SPDX-License-Identifier: Apache-2.0
// Three servers, one of whose disks answers with EIO while clients go on. Linux only, and with libfiu:
// see CONTRIBUTING. Runs what is in dist.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, vi } from "vitest";
import { type ClusterProcesses, type ServerNode, startCluster } from "./e2e/cluster-processes.ts";
import { busiestNode, type NodeStatus, statusOf } from "./e2e/cluster-status.ts";
import { createFailingDisk, type FailingDisk, LIBFIU } from "./e2e/failing-disk.ts";
import { testWith } from "./e2e/needed-tools.ts";
import { eventually, isRunning, type Running } from "./e2e/processes.ts";
import { expectKept, sayWhenLed } from "./e2e/promises.ts";
import { createScene, type Scene } from "./e2e/server.ts";
import { startWorkload } from "./e2e/workload.ts";

// Each wait has its own bound; a test is as slow as the sum of its waits on a busy machine.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

const NOT_WRITABLE = 13;

// libfiu is a tool of the system, which not every machine has.
const withLibfiu = testWith(LIBFIU);

interface Servers {
  readonly cluster: ClusterProcesses;
  readonly diskOf: (node: ServerNode) => FailingDisk;
  /** Where it is not expected to open its port. */
  readonly startAgain: (node: ServerNode) => Running;
}

let scene: Scene;
let servers: Servers;

// For all tests: each leaves the disks sound and the cluster whole.
beforeAll(async () => {
  scene = createScene();
  servers = await startOnFailingDisks();
});

afterAll(() => scene?.[Symbol.asyncDispose]());

interface Failure {
  readonly failure: string;
  readonly cause: (disk: FailingDisk, node: ServerNode) => Promise<void>;
}

withLibfiu.each<Failure>([
  {
    failure: "refuses every write",
    cause: async (disk) => disk.fail(["pwrite"]),
  },
  {
    // An append is a write that syncs; syncs of their own come when a new file takes its place.
    failure: "refuses one write, and then every sync",
    async cause(disk, node) {
      disk.fail(["fdatasync", "fsync"]);
      await refuseAnAppend(disk, node);
    },
  },
])(
  "a node that leads and whose disk $failure says so and ends, at the cost of no promise",
  async ({ cause }) => {
    const { cluster, diskOf, startAgain } = servers;
    const workload = await startWorkload(cluster.urls);
    const leader = cluster.node(await busiestNode(cluster.urls[0] ?? ""));
    const disk = diskOf(leader);

    await cause(disk, leader);
    expect(await exitCodeOf(leader.process)).toBe(NOT_WRITABLE);
    await sayWhenLed(workload, "the disk failed");

    const fault = `data directory ${leader.dataDir} cannot be written: \\w+ \\S+: EIO: i/o error, \\w+$`;
    await expect
      .poll(() => lastLineOf(leader.process))
      .toMatch(new RegExp(`^conclave: cannot go on: ${fault}`));
    const inVain = startAgain(leader);
    expect(await exitCodeOf(inVain)).toBe(NOT_WRITABLE);
    await expect.poll(() => lastLineOf(inVain)).toMatch(new RegExp(`^conclave: ${fault}`));
    disk.repair();
    await leader.start();
    await expectKept(cluster, workload);
    await expectNobodyReplaced(cluster.urls);
  },
);

withLibfiu(
  "a node that leads outlives one append that its disk refuses, and its log is whole at the next start",
  async () => {
    const { cluster, diskOf } = servers;
    const workload = await startWorkload(cluster.urls);
    const leader = cluster.node(await busiestNode(cluster.urls[0] ?? ""));

    await refuseAnAppend(diskOf(leader), leader);
    await sayWhenLed(workload, "an append failed");

    expect(isRunning(leader.process.pid)).toBe(true);
    await leader.kill();
    await leader.start();
    await expectKept(cluster, workload);
    await expectNobodyReplaced(cluster.urls);
  },
);

async function startOnFailingDisks(): Promise<Servers> {
  const disks = [1, 2, 3].map((node) => createFailingDisk(scene, `node-${node}`));
  const diskAt = (node: number): FailingDisk => disks[node - 1] as FailingDisk;
  const commands = new Map<number, readonly string[]>();
  const cluster = await startCluster(scene, {
    under(node, args) {
      commands.set(node, args);
      return diskAt(node).conclave(args);
    },
  });
  return {
    cluster,
    diskOf: ({ number }: ServerNode): FailingDisk => diskAt(number),
    startAgain: ({ number }: ServerNode): Running =>
      diskAt(number).conclave(commands.get(number) ?? []),
  };
}

/**
 * Refuses a write, and another one if that was none to the log, until the log goes on in a new file or
 * the process has ended. One at a time, since the second fault in a row is final.
 */
async function refuseAnAppend(disk: FailingDisk, { process, url, dataDir }: ServerNode) {
  const segments = (): number =>
    readdirSync(join(dataDir, "log")).filter((name) => name.startsWith("log-")).length;
  const before = segments();
  const isOver = (): boolean => !isRunning(process.pid) || segments() > before;
  const refuseOne = async (): Promise<boolean> => {
    disk.failOnce("pwrite");
    const then = await statusOf(url);
    // A node applies what is on its own disk, so what it was asked for by then has been tried.
    await eventually(
      "it has stored what came later",
      async () => isOver() || isPast(await statusOf(url), then),
      process.stderr,
    );
    return isOver();
  };
  await eventually("an append has failed", refuseOne, process.stderr);
}

function isPast(status: NodeStatus | undefined, then: NodeStatus | undefined): boolean {
  const lastThen = new Map(then?.partitions.map((one) => [one.partition, one.lastIndex]));
  return (status?.partitions ?? []).some(
    ({ partition, appliedIndex }) => appliedIndex > (lastThen.get(partition) ?? appliedIndex),
  );
}

/** A node that finds its own log damaged comes back as another incarnation. */
async function expectNobodyReplaced(urls: readonly string[]): Promise<void> {
  const members = (await statusOf(urls[0] ?? ""))?.members;
  expect(members?.map(({ incarnation }) => incarnation)).toEqual([0, 0, 0]);
}

async function exitCodeOf({ pid, exited, stderr }: Running): Promise<number | null> {
  await eventually("the process ends", () => !isRunning(pid), stderr);
  return exited;
}

function lastLineOf({ stderr }: Running): string {
  return stderr().trimEnd().split("\n").at(-1) ?? "";
}
