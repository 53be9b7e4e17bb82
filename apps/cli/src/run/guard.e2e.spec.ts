// SPDX-License-Identifier: Apache-2.0
// Guards and commands as real processes, killed and stopped in every combination that is survivable.
// The runner is a few lines of its own, so that no server is needed. Runs what is in dist. The scenes
// share nothing and are played side by side.
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import {
  childrenOf,
  createProcesses,
  eventually,
  isRunning,
  type Processes,
  type Running,
} from "../e2e/processes.ts";

// Each wait has its own bound; a test is as slow as the sum of its waits on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

test.concurrent("the command is gone when its runner has been killed", async () => {
  await using processes = createProcesses(tmpdir());
  const { runner, worker } = await startWorker(processes, { leaseMs: 600_000 });

  runner.kill("SIGKILL");

  await eventually("the command ends", () => !isRunning(worker));
});

test.concurrent("the command is killed at the lease's end when its runner is stopped", async () => {
  await using processes = createProcesses(tmpdir());
  const { runner, worker } = await startWorker(processes, { leaseMs: 700, script: STUBBORN });

  runner.kill("SIGSTOP");
  await eventually("the command ends", () => !isRunning(worker));
  runner.kill("SIGCONT");

  await eventually("the runner hears of it", () => runner.lines().includes("lease_low SIGKILL"));
});

// Alone: a runner that a crowd of starting processes keeps from its renewals would rightly lose.
test("the command runs on while its lease is renewed", async () => {
  await using processes = createProcesses(tmpdir());
  const { runner, worker } = await startWorker(processes, { leaseMs: 800, renewals: 10 });

  await eventually("ten renewals", () => runner.lines().includes("renewed 10"));

  expect(runner.lines().filter((line) => line.startsWith("lease_low"))).toEqual([]);
  await eventually("the command ends without renewals", () => !isRunning(worker));
});

// It also shows that the command holds no end of the pipe, or nobody would hear of the guard's death.
test.concurrent("the command is killed by its runner when the guard has been killed", async () => {
  await using processes = createProcesses(tmpdir());
  const { runner, guard, worker } = await startWorker(processes, { leaseMs: 600_000 });

  process.kill(guard, "SIGKILL");

  await eventually("the runner says so", () => runner.lines().includes("guard_gone"));
  expect(isRunning(worker)).toBe(false);
});

test.concurrent("the command is killed by its runner when the guard is stopped", async () => {
  await using processes = createProcesses(tmpdir());
  const { runner, guard, worker } = await startWorker(processes, { leaseMs: 600_000 });

  process.kill(guard, "SIGSTOP");
  runner.kill("SIGUSR2");

  await eventually("the runner says so", () => runner.lines().includes("ended SIGKILL"));
  expect(isRunning(worker)).toBe(false);
  await eventually("the guard is gone too", () => !isRunning(guard));
});

test.concurrent("a guard that was stopped while its runner was killed kills when it goes on", async () => {
  await using processes = createProcesses(tmpdir());
  const { runner, guard, worker } = await startWorker(processes, { leaseMs: 600_000 });

  process.kill(guard, "SIGSTOP");
  runner.kill("SIGKILL");
  await runner.exited;
  expect(isRunning(worker)).toBe(true);
  process.kill(guard, "SIGCONT");

  await eventually("the command ends", () => !isRunning(worker));
});

test.concurrent("a signal to all of a service's processes does not cost the command its drain", async () => {
  await using processes = createProcesses(tmpdir());
  const { runner, guard } = await startWorker(processes, { leaseMs: 600_000, script: POLITE });

  process.kill(guard, "SIGTERM");
  runner.kill("SIGUSR1");

  await eventually("it ends by itself", () => runner.lines().includes("ended 7"));
});

test.concurrent("what the command left running in its group is gone before its end is told", async () => {
  await using processes = createProcesses(tmpdir());
  const script = "trap '' TERM; sleep 1000 & echo worker $!; exit 5";
  const { runner, worker } = await startWorker(processes, { leaseMs: 600_000, script });

  await eventually("the end is told", () => runner.lines().includes("ended 5"));

  expect(isRunning(worker)).toBe(false);
});

test.concurrent("a program that is not there is told as shells tell it", async () => {
  await using processes = createProcesses(tmpdir());
  const runner = startRunner(processes, { leaseMs: 600_000 }, ["no-such-program"]);

  await eventually("the failure is told", () => runner.lines().includes("not_started 127"));
});

test.concurrent("a lease that is over before the command could start starts nothing", async () => {
  await using processes = createProcesses(tmpdir());
  const runner = startRunner(processes, { leaseMs: 100 }, ["echo", "started"]);

  await eventually("the refusal is told", () => runner.lines().includes("too_late"));
  expect(runner.stdout()).not.toContain("started");
});

const SLEEPER = "echo worker $$; exec sleep 1000";
const STUBBORN = "trap '' TERM; echo worker $$; exec sleep 1000";
const POLITE = "trap 'kill $!; exit 7' TERM; echo worker $$; sleep 1000 & wait";

interface WorkerOptions {
  readonly leaseMs: number;
  /** Every 100 ms from the start on; none by default. */
  readonly renewals?: number;
  readonly script?: string;
}

async function startWorker(
  processes: Processes,
  options: WorkerOptions,
): Promise<{ readonly runner: Running; readonly guard: number; readonly worker: number }> {
  const runner = startRunner(processes, options, ["sh", "-c", options.script ?? SLEEPER]);
  const worker = await eventually(
    "the command says its id",
    () => /worker (\d+)\n/.exec(runner.stdout())?.[1],
    runner.stderr,
  );
  const [guard = -1] = childrenOf(runner.pid);
  return { runner, guard, worker: Number(worker) };
}

function startRunner(
  processes: Processes,
  options: WorkerOptions,
  command: readonly string[],
): Running {
  const plan = JSON.stringify({ ...options, command });
  return processes.node(["--input-type=module", "-e", RUNNER, plan]);
}

const moduleUrl = (name: string): string =>
  new URL(`../../dist/run/${name}`, `file://${fileURLToPath(import.meta.url)}`).href;

/** SIGUSR1 stops the command and SIGUSR2 kills it; each report becomes a line. */
const RUNNER = `
import { createGuard } from "${moduleUrl("guarded-command.js")}";
import { readClocks } from "${moduleUrl("system-reading.js")}";
const { leaseMs, renewals = 0, command } = JSON.parse(process.argv[1]);
const lease = () => ({ readAt: readClocks(), leftMs: leaseMs });
const guard = createGuard();
await guard.ready;
process.on("SIGUSR1", () => guard.stop("SIGTERM"));
process.on("SIGUSR2", () => guard.kill());
let renewed = 0;
const timer = setInterval(() => {
  if (renewed === renewals) return clearInterval(timer);
  guard.renew(lease());
  console.log("renewed", ++renewed);
}, 100);
const end = await guard.start({ command, env: {}, drainMs: 200, lease: lease() });
clearInterval(timer);
if (end.kind === "ended") {
  console.log(end.wasLeaseLow ? "lease_low" : "ended", end.exit.signal ?? end.exit.code);
} else console.log(end.kind, ...(end.kind === "not_started" ? [end.exitCode] : []));
`;
