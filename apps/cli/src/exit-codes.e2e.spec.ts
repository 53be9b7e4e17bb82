// SPDX-License-Identifier: Apache-2.0
// What scripts see: exit codes and one line on stderr, from real processes. Runs what is in dist.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { eventually, type Running } from "./e2e/processes.ts";
import { createScene, type Scene, startServer } from "./e2e/server.ts";

// Each wait has its own bound; a test is as slow as the sum of its waits on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

// Scenes side by side, each with an election of its own, on one server.
const stage = createScene();
let url = "";

beforeAll(async () => {
  url = (await startServer(stage)).url;
});

afterAll(() => stage[Symbol.asyncDispose]());

test.concurrent("where nothing listens it is unavailable, and says what to start", async () => {
  await using scene = createScene();
  const nobody = `http://127.0.0.1:${await freePort()}`;

  const get = scene.processes.conclave(["get", "demo", "--endpoint", nobody]);

  expect(await get.exited).toBe(3);
  expect(get.stderr()).toContain(`is a server running at ${nobody}? Start one with "conclave dev"`);
  expect(get.stderr().trim().split("\n")).toHaveLength(1);
});

test.concurrent("an election that was never entered is not found, nor is a candidate of one", async () => {
  await using scene = createScene();

  const get = at(scene, ["get", "nowhere"]);
  const evict = at(scene, ["evict", "nowhere", "a"]);

  expect(await get.exited).toBe(6);
  expect(await evict.exited).toBe(6);
  expect(get.stderr()).toContain('"conclave ls" shows what there is');
});

test.concurrent("a condition that does not hold is a conflict", async () => {
  await using scene = createScene();
  const campaign = await startCampaign(scene, "condition");
  const get = at(scene, ["get", "condition", "-o", "json"]);
  await get.exited;
  const { revision } = JSON.parse(get.stdout());

  const stale = at(scene, ["evict", "condition", "a", "--if-revision", String(revision + 1)]);
  const withdraw = at(scene, ["withdraw", "condition", "a"]);
  expect(await stale.exited).toBe(4);
  expect(await withdraw.exited).toBe(4);
  expect(withdraw.stderr()).toContain("conclave evict condition a");
  const current = at(scene, ["evict", "condition", "a", "--if-revision", String(revision)]);

  expect(await current.exited).toBe(0);
  await eventually("the campaign hears of it", () => campaign.stdout().includes("over for a"));
  campaign.kill("SIGINT");
  expect(await campaign.exited).toBe(0);
});

test.concurrent("a mistake in the usage is told with the word that was meant", async () => {
  await using scene = createScene();

  const mistake = scene.processes.conclave(["wacth", "demo"]);

  expect(await mistake.exited).toBe(2);
  expect(mistake.stderr()).toContain("Did you mean watch?");
});

test.concurrent("a reader that has seen enough ends the watch without a word", async () => {
  await using scene = createScene();
  const campaign = await startCampaign(scene, "reader");
  const watch = spawn(
    "sh",
    ["-c", `"${process.execPath}" "${PROGRAM}" watch reader -o json | head -n 1`],
    { env: { ...process.env, CONCLAVE_ENDPOINTS: url }, stdio: ["ignore", "pipe", "pipe"] },
  );
  let stderr = "";
  watch.stderr.on("data", (piece) => {
    stderr += String(piece);
  });
  await once(watch.stdout, "data");

  // The second line finds no reader.
  campaign.kill("SIGINT");

  await once(watch, "close");
  expect(stderr).toBe("");
});

test.concurrent("a watch after a revision tells what came next, whole, to a process that saw nothing before", async () => {
  await using scene = createScene();
  const campaign = await startCampaign(scene, "after");
  const get = at(scene, ["get", "after", "-o", "json"]);
  await get.exited;
  const { revision } = JSON.parse(get.stdout());
  const evict = at(scene, ["evict", "after", "a", "--reason", "drill"]);
  expect(await evict.exited).toBe(0);

  const watch = at(scene, ["watch", "after", "--after", String(revision), "-o", "json"]);
  await eventually("it tells", () => watch.stdout().includes("\n"), watch.stderr);
  const ahead = at(scene, ["watch", "after", "--after", String(revision + 1000)]);

  expect(JSON.parse(watch.lines()[0] ?? "")).toMatchObject({
    ...{ type: "vacant", cause: "evicted", reason: "drill" },
    ...{ revision: revision + 1, term: 1, leader: null, queue: [] },
  });
  expect(await ahead.exited).toBe(1);
  watch.kill("SIGINT");
  campaign.kill("SIGINT");
  expect(await watch.exited).toBe(0);
});

test.concurrent("dev with one node leaves its address where the other commands find it, and stops cleanly", async () => {
  await using scene = createScene();
  const dev = scene.processes.conclave(["dev", "--nodes", "1"], {
    CONCLAVE_SERVER_LISTEN: "127.0.0.1:0",
  });
  await eventually("it says what to try", () => dev.stdout().includes("get demo"), dev.stderr);

  expect(dev.lines()[0]).toMatch(/^conclave: node 1 ready on http:\/\/127\.0\.0\.1:\d+$/);
  expect(dev.lines()[1]).toBe("conclave: cluster ready, try:");
  const endpoints = readFileSync(join(scene.folder, ".conclave/endpoints"), "utf8");
  expect(dev.lines()[0]).toContain(endpoints.trim());
  expect(existsSync(join(scene.folder, ".conclave/node-1"))).toBe(true);
  const list = scene.processes.conclave(["ls", "-o", "json"]);
  expect(await list.exited).toBe(0);
  expect(list.stdout()).toBe("[]\n");
  dev.kill("SIGINT");
  expect(await dev.exited).toBe(0);
});

const PROGRAM = join(import.meta.dirname, "../bin/conclave.js");

function at(scene: Scene, args: readonly string[]): Running {
  return scene.processes.conclave(args, { CONCLAVE_ENDPOINTS: url });
}

async function startCampaign(scene: Scene, election: string): Promise<Running> {
  const campaign = at(scene, ["campaign", election, "--candidate", "a", "--ttl", "3s"]);
  await eventually("it leads", () => campaign.stdout().includes("a leads"), campaign.stderr);
  return campaign;
}

/** A port that was free a moment ago, and that nothing listens on now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
