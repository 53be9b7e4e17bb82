// SPDX-License-Identifier: Apache-2.0
// Chaos as CI has it: for seconds, on real processes. Runs what is in dist.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createPrng } from "@conclave/base";
import { expect, test, vi } from "vitest";
import { TestCluster } from "./cluster/test-cluster.ts";
import { historyFromLines } from "./history/json-lines.ts";
import { runRound } from "./main-chaos/chaos-round.ts";

// Faults, recovery, and servers that a busy machine starts slowly.
vi.setConfig({ testTimeout: 120_000 });

const PROGRAM = fileURLToPath(new URL("../dist/main-chaos.js", import.meta.url));

test("a short chaos holds, and writes down what clients saw", async () => {
  const folder = await mkdtemp(join(tmpdir(), "conclave-chaos-"));
  const path = join(folder, "history.jsonl");

  const { code, printed } = await run("--minutes", "0.2", "--seed", "1", "--history", path);

  expect(printed).toMatch(/round 1: \d+ operations/);
  expect(printed).toContain("chaos: held");
  expect(code).toBe(0);
  const { operations } = historyFromLines(await readFile(path, "utf8"));
  expect(operations.length).toBeGreaterThan(50);
  // One that did not hold is evidence, which no seed brings back: it stays where the output says.
  await rm(folder, { recursive: true, force: true });
});

test("a command line that is none is refused", async () => {
  expect((await run("--minutes", "none")).code).toBe(2);
});

test("a cluster that loses what it acknowledged does not pass", async () => {
  await using cluster = await TestCluster.start({ processes: true });
  const plan = {
    ...{ prefix: "lost", elections: 1, candidates: 2, operators: 1, readers: 1, watchers: 1 },
    ...{ ttlMs: 1_000, graceMs: 0, paceMs: 20, faultsMs: 6_000 },
  };
  const everythingIsGone = async (): Promise<void> => {
    await delay(2_000);
    await Promise.all(cluster.nodes.map((node) => cluster.kill(node)));
    await Promise.all(cluster.nodes.map((node) => cluster.wipe(node)));
    await Promise.all(cluster.nodes.map((node) => cluster.restart(node)));
  };

  const { violations } = await runRound(cluster, plan, createPrng(1n), () => {}, everythingIsGone);

  expect(violations.map(({ rule }) => rule)).toContain("O6");
});

async function run(...args: readonly string[]) {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  child.stdout.on("data", (piece) => {
    printed += String(piece);
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  return { code, printed };
}
