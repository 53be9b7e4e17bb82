// SPDX-License-Identifier: Apache-2.0
// `cluster` and `snapshot` against a real server: a cluster of one. Runs what is in dist.
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "@conclave/client";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { eventually } from "./e2e/processes.ts";
import { createScene, startServer } from "./e2e/server.ts";
import { createColors } from "./output/colors.ts";
import { runProgram } from "./program.ts";

// Each wait has its own bound; a test is as slow as the sum of its waits on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const scene = createScene();
let url = "";

beforeAll(async () => {
  ({ url } = await startServer(scene));
  await eventually("the first leader has listed the members", async () => {
    const { members } = await json("cluster", "status");
    return (members as object[]).length > 0;
  });
});

afterAll(() => scene[Symbol.asyncDispose]());

/** The command line in this process: only the server needs one of its own. */
async function conclave(...argv: string[]) {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const exitCode = await runProgram(argv, {
    env: { CONCLAVE_ENDPOINTS: url },
    cwd: scene.folder,
    print: (line) => stdout.push(line),
    say: (line) => stderr.push(line),
    colors: createColors(false),
    stops: { listen: () => () => {} },
    endpoints: [],
    exitCode: 0,
  });
  return { exitCode, stdout: stdout.join("\n"), stderr: stderr.join("\n") };
}

async function json(...argv: string[]) {
  const { stdout } = await conclave(...argv, "-o", "json");
  return JSON.parse(stdout) as Record<string, unknown> & { partitions: object[] };
}

test("status tells who is there and who leads", async () => {
  const { exitCode, stdout } = await conclave("cluster", "status");

  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^1\* .*127\.0\.0\.1:\d+ +connected +\d+\.\d+\.\d+ +0 +8$/m);
  expect(await json("cluster", "status")).toMatchObject({ node: 1, members: [{ isSelf: true }] });
});

test("status tells what the named node knows; of one that is no member it exits with 6", async () => {
  expect(await json("cluster", "status", "--node", "1")).toMatchObject({ node: 1 });
  const refused = await conclave("cluster", "status", "--node", "9");
  expect(refused).toMatchObject({ exitCode: 6, stdout: "" });
  expect(refused.stderr).toContain("no member has this number");
});

test("a node is added, is shown as invited, and removed again", async () => {
  const added = await conclave("cluster", "add", "4=10.0.0.4:7400");
  expect(added.stdout).toContain("node 4 at 10.0.0.4:7400 may join now");
  expect(await json("cluster", "add", "4=10.0.0.4:7400")).toMatchObject({ already: true });
  expect((await conclave("cluster", "status")).stdout).toMatch(/^4 +10\.0\.0\.4:7400 +invited/m);

  expect(await json("cluster", "remove", "4")).toEqual({ node: 4, removed: true });
  expect((await conclave("cluster", "status")).stdout).not.toContain("invited");
});

test.each([
  [["add", "1=10.0.0.9:7400"], 4, "the node is a member under another address"],
  [["remove", "9"], 6, "no member has this number"],
  [["remove", "1"], 4, "the last member cannot be removed"],
  [["transfer", "9"], 6, "no member has this number"],
  [["add", "5=10.0.0.5:0"], 2, "address: HOST:PORT"],
])("%j exits with %i and says why", async (argv, exitCode, problem) => {
  const refused = await conclave("cluster", ...argv);
  expect(refused).toMatchObject({ exitCode, stdout: "" });
  expect(refused.stderr).toContain(problem);
});

test("a hand-over to the node that leads says what it leads", async () => {
  const { stdout } = await conclave("cluster", "transfer", "1");
  expect(stdout).toBe("node 1 leads partitions 1, 2, 3, 4, 5, 6, 7, 8");
  expect(await json("cluster", "transfer", "1", "--partition", "3")).toEqual({
    ...{ node: 1, partitions: [3], stayed: [] },
  });
});

test("what is saved is verified, restored and served by a new cluster, vacant and far ahead", async () => {
  const client = await connect({ endpoints: [url] });
  await client.election("orders").lead(async () => {});
  await client.close();

  const saved = await conclave("snapshot", "save", "one.snapshot");
  expect(saved.stdout).toContain("saved one.snapshot: 1 elections, 0 candidates, 8 partitions");
  const verified = await json("snapshot", "verify", "one.snapshot");
  expect(verified.partitions).toHaveLength(8);
  const old = await json("cluster", "status");
  expect(verified["clusterId"]).toBe(old["clusterId"]);

  const restore = ["snapshot", "restore", "one.snapshot", "--data-dir", "new", "--node", "1"];
  const restored = await json(...restore, "--cluster-token", "next");
  expect(restored["clusterId"]).not.toBe(old["clusterId"]);
  expect((await conclave(...restore, "--cluster-token", "next")).exitCode).toBe(4);

  const next = scene.processes.conclave([
    ...["server", "--node", "1", "--listen", "127.0.0.1:0", "--data-dir", "new"],
    ...["--cluster-token", "next"],
  ]);
  const nextUrl = await eventually(
    "the new cluster is ready",
    () => /ready on (\S+)$/m.exec(next.stdout())?.[1],
    next.stderr,
  );
  const seen = await conclave("get", "orders", "--endpoint", nextUrl);
  expect(seen.stdout).toMatch(/^orders {2}term 1099511627777 {2}vacant/);
});

test("sessions are listed where they are registered, and one is found by its instance", async () => {
  const client = await connect({ endpoints: [url] });
  const office = new AbortController();
  const leading = new Promise<void>((resolve) => {
    const lead = client.election("listed").lead(
      async () => {
        resolve();
        await new Promise((done) => office.signal.addEventListener("abort", done));
      },
      { signal: office.signal },
    );
    void lead.catch(() => {});
  });
  await leading;
  const { leader } = await client.election("listed").get();
  const instance = leader?.instance ?? "";

  const listed = await json("session", "ls", "--instance", instance);
  expect(listed).toMatchObject([{ instance, ttlMs: 10_000, labels: {} }]);
  const { stdout } = await conclave("session", "ls");
  expect(stdout).toMatch(new RegExp(`^\\d +${instance} +10s +.* +\\d+\\.\\ds$`, "m"));
  const refused = await conclave("session", "ls", "--partition", "9");
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toContain("partition: 1 to 8");

  office.abort();
  await client.close();
  expect(await json("session", "ls", "--instance", instance)).toEqual([]);
});

test("no backup is written over another file, and none is left behind half made", async () => {
  writeFileSync(join(scene.folder, "taken"), "");
  expect(await conclave("snapshot", "save", "taken")).toMatchObject({ exitCode: 4 });
  const nobody = ["--endpoint", "http://127.0.0.1:1"];
  expect(await conclave("snapshot", "save", "none", ...nobody)).toMatchObject({ exitCode: 3 });
  expect(readdirSync(scene.folder).filter((name) => name.startsWith("none"))).toEqual([]);
});

test.each([
  ["nowhere", 6, "ENOENT"],
  ["rubbish", 1, "the backup is damaged: it does not begin as a backup does"],
])("verify of %s exits with %i", async (name, exitCode, problem) => {
  writeFileSync(join(scene.folder, "rubbish"), "rubbish");
  const refused = await conclave("snapshot", "verify", name);
  expect(refused.exitCode).toBe(exitCode);
  expect(refused.stderr).toContain(problem);
});
