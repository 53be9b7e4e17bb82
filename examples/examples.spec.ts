// SPDX-License-Identifier: Apache-2.0
/**
 * The examples for Node, each as its README says, in processes of its own against a real server. The
 * one for browsers has its spec beside those of other tabs. Needs the built packages.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const BOUND_MS = 30_000;

const cleanups: (() => Promise<unknown>)[] = [];
let endpoint: string;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "conclave-examples-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const args = ["--listen", "127.0.0.1:0", "--data-dir", folder, "--log-level", "silent"];
  const server = run("../apps/cli/bin/conclave.js", "server", "--node", "1", ...args);
  endpoint = await server.says(/ready on (\S+)$/);
}, BOUND_MS);

afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

test.concurrent("of three crons one runs the job, and when it is killed another, and no tick runs twice", async () => {
  const crons = ["a", "b", "c"].map((name) => run("cron-leader/src/main.js", name, endpoint));
  const ticks = (): string[] =>
    crons.flatMap(({ lines }) => lines.flatMap((line) => / tick (\d+) /.exec(line)?.[1] ?? []));
  await until(() => ticks().length >= 2);

  const leaders = crons.filter(({ lines }) => lines.some((line) => line.includes(" tick ")));
  expect(leaders).toHaveLength(1);
  leaders[0]?.process.kill("SIGKILL");

  const others = crons.filter((cron) => cron !== leaders[0]);
  await until(() => others.some(({ lines }) => lines.some((line) => line.includes(" tick "))));
  expect(new Set(ticks()).size).toBe(ticks().length);
});

test.concurrent("a writer that was stopped in the middle of its work is refused, and no update is lost", async () => {
  const store = run("fenced-writes/src/store.js", "0");
  const url = await store.says(/ready on (\S+)$/);
  const first = run("fenced-writes/src/writer.js", "first", url, endpoint);
  await first.says(/first wrote 1 /);
  const second = run("fenced-writes/src/writer.js", "second", url, endpoint);

  // From one write to the next it takes half a second, with a reading at the beginning.
  await first.says(/first wrote 2 /);
  first.process.kill("SIGSTOP");
  await second.says(/second wrote /);
  first.process.kill("SIGCONT");

  await first.says(/first was refused /);
  const written = [first, second].flatMap(({ lines }) =>
    lines.flatMap((line) => / wrote (\d+) /.exec(line)?.[1] ?? []),
  );
  expect(new Set(written).size).toBe(written.length);
});

test.concurrent("the store lives on after a term that is none, which it refuses, and a write that breaks off", async () => {
  const store = run("fenced-writes/src/store.js", "0");
  const url = await store.says(/ready on (\S+)$/);
  const statusUnder = async (term: string): Promise<number> =>
    (await fetch(url, { headers: { "x-term": term } })).status;

  for (const term of ["orders#7", "-1", "1.5", "0x10", "1, 2", "", "9".repeat(21)]) {
    expect([term, await statusUnder(term)]).toEqual([term, 400]);
  }

  const half = connect(Number(new URL(url).port), "127.0.0.1");
  half.end("PUT / HTTP/1.1\r\nhost: store\r\ncontent-length: 9\r\n\r\n1");
  await once(half.resume(), "close");

  expect(await statusUnder("7")).toBe(200);
  expect(await statusUnder("6")).toBe(409);
});

interface Program {
  readonly process: ChildProcess;
  readonly lines: readonly string[];
  /** What the first line that fits has in the parentheses of `wanted`, as soon as there is one. */
  says(wanted: RegExp): Promise<string>;
}

function run(path: string, ...args: readonly string[]): Program {
  const script = fileURLToPath(new URL(path, import.meta.url));
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  const exited = new Promise((resolve) => child.once("exit", resolve));
  cleanups.push(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  return {
    process: child,
    lines,
    says: async (wanted) => {
      await until(() => lines.some((line) => wanted.test(line)), lines);
      return wanted.exec(lines.find((line) => wanted.test(line)) ?? "")?.[1] ?? "";
    },
  };
}

/** Looks again in each turn of the clock until it is so; fails with what was seen instead. */
async function until(isSo: () => boolean, seen: readonly string[] = []): Promise<void> {
  const endMs = performance.now() + BOUND_MS;
  while (!isSo()) {
    if (performance.now() > endMs) throw new Error(`not within ${BOUND_MS} ms: ${seen.join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
