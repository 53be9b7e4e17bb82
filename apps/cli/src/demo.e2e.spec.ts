// SPDX-License-Identifier: Apache-2.0
// What a newcomer is shown, on real processes: runners are killed and stopped, servers are killed and
// started again, and never do two commands of one election run at once. Runs what is in dist.
//
// The scenes mostly wait for leases to end, so they are played side by side, each with an election of
// its own; those that leave the server alone share one.
import { basename } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { eventually, isRunning, type Running } from "./e2e/processes.ts";
import { createScene, type Scene, type Server, startServer } from "./e2e/server.ts";

// Each wait has its own bound; a test is as slow as the sum of its waits on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const stage = createScene();
let shared: Server;

beforeAll(async () => {
  shared = await startServer(stage);
});

afterAll(() => stage[Symbol.asyncDispose]());

test.concurrent("when a runner is killed, its command is gone before the next one starts with a higher term", async () => {
  await using scene = createScene();
  const a = await startRunner(scene, shared, "a");
  const first = await startedCommand(a);
  const b = await startRunner(scene, shared, "b");
  const watch = await startWatch(scene, shared);
  await eventually("b waits in line", () => watch.seen().at(-1)?.queue.includes("b"));

  a.kill("SIGKILL");
  const second = await startedCommand(b);
  b.kill("SIGTERM");

  expect(isRunning(first.pid)).toBe(false);
  expect(first.term).toBe(1);
  expect(second).toMatchObject({ term: 2, overlap: "no" });
  expect(await b.exited).toBe(143);
  expect(isRunning(second.pid)).toBe(false);
  await eventually("the watch saw the end", () => watch.seen().at(-1)?.type === "vacant");
  expect(watch.seen().filter(({ type }) => type === "elected" || type === "vacant")).toEqual([
    { type: "elected", term: 2, leader: "b", queue: [], cause: "disconnected" },
    { type: "vacant", term: 2, leader: null, queue: [], cause: "resigned" },
  ]);
});

test.concurrent("when a runner is stopped past its TTL, its command is killed before the next one starts", async () => {
  await using scene = createScene();
  const a = await startRunner(scene, shared, "a", ["--ttl", "2s", "--drain", "400ms"]);
  const first = await startedCommand(a);
  const b = await startRunner(scene, shared, "b", ["--ttl", "2s", "--drain", "400ms"]);
  const watch = await startWatch(scene, shared);
  await eventually("b waits in line", () => watch.seen().at(-1)?.queue.includes("b"));

  a.kill("SIGSTOP");
  const second = await startedCommand(b);

  expect(isRunning(first.pid)).toBe(false);
  expect(second).toMatchObject({ term: 2, overlap: "no" });
  await eventually("the watch saw why", () =>
    watch.seen().some(({ type, cause }) => type === "elected" && cause === "expired"),
  );
  a.kill("SIGCONT");
  await eventually("a is in line again", () => watch.seen().at(-1)?.queue.includes("a"), a.stderr);
  expect(a.stderr()).toContain("lost: ");
});

test.concurrent("when an operator moves the office, the old command ends and its runner waits in line", async () => {
  await using scene = createScene();
  const a = await startRunner(scene, shared, "a");
  const first = await startedCommand(a);
  const b = await startRunner(scene, shared, "b");
  const watch = await startWatch(scene, shared);
  await eventually("b waits in line", () => watch.seen().at(-1)?.queue.includes("b"));

  const anoint = conclave(scene, shared, [
    "anoint",
    electionOf(scene),
    "b",
    "--reason",
    "deploy 42",
  ]);

  expect(await anoint.exited).toBe(0);
  expect(anoint.stdout()).toBe("term 2  b leads  queue: a\n");
  await eventually("the old command ends", () => !isRunning(first.pid));
  expect(await startedCommand(b)).toMatchObject({ term: 2 });
  await eventually("the watch saw why", () => watch.seen().some((one) => one.cause === "anointed"));
});

test.concurrent.each(["SIGTERM", "SIGKILL"] as const)(
  "terms go on after the server was ended by %s and started again",
  async (signal) => {
    await using scene = createScene();
    const server = await startServer(scene);
    const a = await startRunner(scene, server, "a", ["--ttl", "2s", "--drain", "400ms"]);
    await startedCommand(a);
    const b = await startRunner(scene, server, "b", ["--ttl", "2s", "--drain", "400ms"]);
    const watch = await startWatch(scene, server);
    await eventually("b waits in line", () => watch.seen().at(-1)?.queue.includes("b"));

    server.process.kill(signal);
    expect(await server.process.exited).toBe(signal === "SIGTERM" ? 0 : null);
    const again = await startServer(scene, server);
    a.kill("SIGKILL");
    const second = await startedCommand(b);

    expect(second.overlap).toBe("no");
    expect(second.term).toBeGreaterThan(1);
    const get = conclave(scene, again, ["get", electionOf(scene), "-o", "json"]);
    expect(await get.exited).toBe(0);
    expect(JSON.parse(get.stdout())).toMatchObject({ term: second.term, leader: { id: "b" } });
    await eventually("the watch goes on", () => watch.seen().at(-1)?.term === second.term);
  },
);

test.concurrent("when no server answers, the command ends with its lease, and starts with a new term later", async () => {
  await using scene = createScene();
  const server = await startServer(scene);
  const a = await startRunner(scene, server, "a", ["--ttl", "2s", "--drain", "400ms"]);
  const first = await startedCommand(a);

  server.process.kill("SIGSTOP");
  await eventually("the command ends", () => !isRunning(first.pid), a.stderr);
  server.process.kill("SIGCONT");

  await eventually("it starts again", () => a.stdout().split("\n").length > 2, a.stderr);
  expect(a.lines()[1]).toMatch(/^term 2 pid \d+ overlap no$/);
});

test.concurrent("with --once a run whose office is taken exits with its command's code", async () => {
  await using scene = createScene();
  const a = await startRunner(scene, shared, "a", ["--once"]);
  await startedCommand(a);

  const evict = conclave(scene, shared, ["evict", electionOf(scene), "a"]);

  expect(await evict.exited).toBe(0);
  expect(await a.exited).toBe(143);
  expect(a.stderr()).toContain("lost: ");
});

/** Says its term and id, and whether the command before it, whose id it finds, still runs. */
const COMMAND = `overlap=no
if [ -e command ] && kill -0 "$(cat command)" 2>/dev/null; then overlap=yes; fi
echo $$ > command
echo "term $CONCLAVE_TERM pid $$ overlap $overlap"
exec sleep 1000`;

interface StartedCommand {
  readonly term: number;
  readonly pid: number;
  readonly overlap: string;
}

/** No two scenes have the same folder. */
function electionOf({ folder }: Scene): string {
  return basename(folder);
}

function conclave(scene: Scene, server: Server, args: readonly string[]): Running {
  return scene.processes.conclave(args, { CONCLAVE_ENDPOINTS: server.url });
}

async function startRunner(
  scene: Scene,
  server: Server,
  candidate: string,
  options: readonly string[] = [],
): Promise<Running> {
  const defaults = ["--ttl", "3s", "--grace", "500ms", "--drain", "1s"];
  const named = ["run", electionOf(scene), "--candidate", candidate, ...defaults, ...options];
  const runner = conclave(scene, server, [...named, "--", "sh", "-c", COMMAND]);
  const entered = () => /waiting in line|leading \S+ with/.test(runner.stderr());
  await eventually(`${candidate} has entered`, entered, runner.stderr);
  return runner;
}

async function startedCommand(runner: Running): Promise<StartedCommand> {
  const [, term, pid, overlap = ""] = await eventually(
    "the command starts",
    () => /term (\d+) pid (\d+) overlap (\w+)\n/.exec(runner.stdout()) ?? undefined,
    runner.stderr,
  );
  return { term: Number(term), pid: Number(pid), overlap };
}

interface Seen {
  readonly type: string;
  readonly term: number;
  readonly leader: string | null;
  readonly queue: readonly string[];
  readonly cause: string | null;
}

async function startWatch(scene: Scene, server: Server) {
  const watch = conclave(scene, server, ["watch", electionOf(scene), "-o", "json"]);
  const seen = (): readonly Seen[] =>
    watch
      .lines()
      .map((line) => JSON.parse(line))
      .filter((change) => "term" in change)
      .map(({ type, term, leader, queue, cause }) => ({
        type,
        term,
        leader: leader?.id ?? null,
        queue: queue.map(({ id }: { readonly id: string }) => id),
        cause,
      }));
  await eventually("the watch begins", () => seen().length > 0, watch.stderr);
  return { seen };
}
