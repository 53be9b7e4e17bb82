// SPDX-License-Identifier: Apache-2.0
// Wall clocks that jump by an hour, of a server and of a runner, while the monotonic clock goes on.
// Linux only, and with libfaketime: see CONTRIBUTING. Runs what is in dist.
import { setTimeout as delay } from "node:timers/promises";
import { type Client, connect, type Leadership } from "@conclave/client";
import { expect, vi } from "vitest";
import { type ClusterProcesses, startCluster } from "./e2e/cluster-processes.ts";
import { statusOf } from "./e2e/cluster-status.ts";
import { testWith } from "./e2e/needed-tools.ts";
import { eventually, isRunning, type Running } from "./e2e/processes.ts";
import { expectKept } from "./e2e/promises.ts";
import { createScene, type Scene, startServer } from "./e2e/server.ts";
import { createWallClock, LIBFAKETIME } from "./e2e/wall-clock.ts";
import { startWorkload } from "./e2e/workload.ts";

// Each wait has its own bound; a test is as slow as the sum of its waits on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

const HOUR = 3_600;
/** Far less than a jump, and more than a busy machine is late by. */
const ABOUT_MS = 900_000;
const RUNNER_TTL_MS = 3_000;

// libfaketime is a tool of the system, which not every machine has.
const withLibfaketime = testWith(LIBFAKETIME);

withLibfaketime(
  "when the leading node's wall clock jumps an hour ahead and two back, the living keep office and the dead lose it",
  async () => {
    await using scene = createScene();
    const { cluster, clock } = await startLedByOne(scene);
    const workload = await startWorkload(cluster.urls);
    await using client = await connect({ endpoints: cluster.urls });
    const held = await client.election("held").campaign({ ttlMs: 20_000 });
    const doomed = await startRunner(cluster.urls, scene.processes.conclave);
    const heir = await startRunner(cluster.urls, scene.processes.conclave);

    const live = async (seconds: number): Promise<void> => {
      await eventually("the node's clock has jumped", () => showsAhead(cluster, seconds));
      await untilRenewed(held);
      // It may be behind by as much as the clock is: it is shown, and nothing is judged by it.
      expect(await sinceOf(client, `taken-${seconds}`)).toBeLessThan(Date.now() + ABOUT_MS);
    };

    clock.setAhead(HOUR);
    await live(HOUR);
    // By the wall clock the deadline that it leaves behind would be two hours away.
    doomed.kill("SIGKILL");
    clock.setAhead(-HOUR);
    await live(-HOUR);
    await untilCommand(heir);
    // And not because another node has taken over.
    await untilFirstLeads(cluster);

    expect(held.assertHeld().term).toBe(1n);
    await expectKept(cluster, workload);
  },
);

withLibfaketime(
  "a runner's wall clock ends no command by jumping ahead, and keeps none by jumping back",
  async () => {
    await using scene = createScene();
    const server = await startServer(scene);
    const clock = createWallClock(scene, "runner");
    const runner = await startRunner([server.url], clock.conclave);
    const pid = await untilCommand(runner);

    clock.setAhead(HOUR);
    await eventually("its clock has jumped", () => tellsAhead(runner, HOUR), runner.stderr);
    await delay(RUNNER_TTL_MS);
    const wasRunning = isRunning(pid);
    // Only the guard is left, and by the wall clock its lease would now last for two hours.
    runner.kill("SIGSTOP");
    clock.setAhead(-HOUR);
    await eventually("the command ends with its lease", () => !isRunning(pid), runner.stderr);

    expect(wasRunning).toBe(true);
    expect(runner.stdout().match(/^pid/gm)).toHaveLength(1);
  },
);

/** Three servers, the first of which has a clock of its own and leads every partition. */
async function startLedByOne(scene: Scene) {
  const clock = createWallClock(scene, "node-1");
  const cluster = await startCluster(scene, {
    under: (node, args) => (node === 1 ? clock : scene.processes).conclave(args),
  });
  const [url = ""] = cluster.urls;
  const transfer = scene.processes.conclave(["cluster", "transfer", "1", "--endpoint", url]);
  await transfer.exited;
  await untilFirstLeads(cluster);
  return { cluster, clock };
}

/** By the word of another node: one whose time stands still would believe in itself for ever. */
async function untilFirstLeads({ urls }: ClusterProcesses): Promise<void> {
  await eventually("the first node leads everything", async () =>
    (await statusOf(urls[1] ?? ""))?.partitions.every(({ leader }) => leader === 1),
  );
}

/** By the header that an HTTP server puts into every answer. */
async function showsAhead({ urls }: ClusterProcesses, seconds: number): Promise<boolean> {
  const { headers } = await fetch(`${urls[0]}/healthz`, { signal: AbortSignal.timeout(5_000) });
  return isAboutNow(Date.parse(headers.get("date") ?? "") - seconds * 1_000);
}

function isAboutNow(timeMs: number): boolean {
  return Math.abs(timeMs - Date.now()) < ABOUT_MS;
}

/** Resolves when more of the lease is left than before. */
async function untilRenewed(leadership: Leadership): Promise<void> {
  let leftMs = leadership.remainingMs;
  await eventually("the lease is renewed", () => {
    const isMore = leadership.remainingMs > leftMs;
    leftMs = leadership.remainingMs;
    return isMore;
  });
}

/** What the cluster says of an office that is taken now: since when it is held. */
async function sinceOf(client: Client, name: string): Promise<number | null> {
  const election = client.election(name);
  await using _office = await election.campaign({ ttlMs: 20_000 });
  return (await election.get()).sinceMs;
}

/** Says its id, and then the time by its own wall clock, again and again. */
const COMMAND = 'echo "pid $$"; while :; do date +%s; sleep 0.1; done';

async function startRunner(
  urls: readonly string[],
  conclave: (args: readonly string[]) => Running,
): Promise<Running> {
  const options = ["--ttl", `${RUNNER_TTL_MS}ms`, "--endpoint", urls.join(",")];
  const args = ["run", "runners", ...options, "--", "sh", "-c", COMMAND];
  const runner = conclave(args);
  const entered = (): boolean => /waiting in line|leading \S+ with/.test(runner.stderr());
  await eventually("the runner has entered", entered, runner.stderr);
  return runner;
}

async function untilCommand(runner: Running): Promise<number> {
  const started = () => /^pid (\d+)\n/.exec(runner.stdout())?.[1];
  return Number(await eventually("the command starts", started, runner.stderr));
}

function tellsAhead(runner: Running, seconds: number): boolean {
  return isAboutNow((Number(runner.lines().at(-1)) - seconds) * 1_000);
}
