// SPDX-License-Identifier: Apache-2.0
// `conclave dev` as a newcomer runs it: three servers, one of which is killed and started again by
// hand, a clean stop, and a second start that finds its data. Runs what is in dist.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { freePorts } from "./e2e/free-ports.ts";
import { eventually, isRunning, type Running } from "./e2e/processes.ts";
import { createScene, type Scene } from "./e2e/server.ts";

vi.setConfig({ testTimeout: 120_000 });

/** The first of as many ports in a row as there are servers. */
async function firstPort(): Promise<number> {
  const [port = 0] = await freePorts(3);
  return port;
}

async function startDev(scene: Scene, port: number): Promise<Running> {
  const dev = scene.processes.conclave(["dev", "--port", String(port)]);
  await eventually(
    "it says how to kill a node",
    () => dev.stdout().includes("# node 3"),
    dev.stderr,
  );
  return dev;
}

function pidsOf(dev: Running): readonly number[] {
  return [...dev.stdout().matchAll(/kill -9 (\d+) {3}# node \d/g)].map(([, pid]) => Number(pid));
}

async function conclave(scene: Scene, ...args: string[]): Promise<string> {
  const command = scene.processes.conclave(args);
  expect([await command.exited, command.stderr()]).toEqual([0, ""]);
  return command.stdout();
}

test("three servers go on when one is killed, stop cleanly, and find their data again", async () => {
  await using scene = createScene();
  const port = await firstPort();
  const dev = await startDev(scene, port);
  const ready = [0, 1, 2].map(
    (i) => `conclave: node ${i + 1} ready on http://127.0.0.1:${port + i}`,
  );
  expect(dev.lines().slice(0, 3).toSorted()).toEqual(ready);
  expect(dev.lines()[3]).toBe("conclave: cluster ready, try:");
  const page = await eventually(
    "it says where the console is",
    () => /^conclave: console on (\S+)\n/m.exec(dev.stdout())?.[1],
  );
  expect(page).toBe(`http://127.0.0.1:${port}/`);
  expect(await (await fetch(page)).text()).toContain("<title>Conclave</title>");
  const endpoints = readFileSync(join(scene.folder, ".conclave/endpoints"), "utf8");
  expect(endpoints).toBe([0, 1, 2].map((i) => `http://127.0.0.1:${port + i}\n`).join(""));

  const campaign = scene.processes.conclave(["campaign", "demo", "--candidate", "a"]);
  await eventually("it leads", () => campaign.stdout().includes("a leads"), campaign.stderr);
  const [, second = 0] = pidsOf(dev);
  process.kill(second, "SIGKILL");
  const again = await eventually(
    "it says how to start the node again",
    () => /conclave: {3}(?:npx )?conclave (server --node 2 .*)\n/.exec(dev.stderr())?.[1],
    dev.stderr,
  );
  expect(dev.stderr()).toContain(`node 2 (pid ${second}) was ended by SIGKILL`);
  expect(await conclave(scene, "get", "demo")).toContain("a ");
  expect(campaign.stdout()).not.toContain("lost");
  const returned = scene.processes.conclave(again.split(" "));
  await eventually("it serves", () => returned.stdout().includes("node 2 ready"), returned.stderr);

  dev.kill("SIGINT");
  returned.kill("SIGINT");
  expect([await dev.exited, await returned.exited]).toEqual([0, 0]);
  expect(pidsOf(dev).filter(isRunning)).toEqual([]);
  campaign.kill("SIGKILL");

  const later = await startDev(scene, port);
  expect(await conclave(scene, "get", "demo")).toContain("term 1");
  later.kill("SIGTERM");
  expect(await later.exited).toBe(0);
});

test("data of another number of servers is refused by name, and left alone", async () => {
  await using scene = createScene();
  const alone = scene.processes.conclave([
    "dev",
    "--nodes",
    "1",
    "--port",
    String(await firstPort()),
  ]);
  await eventually("it is ready", () => alone.stdout().includes("get demo"), alone.stderr);
  alone.kill("SIGINT");
  expect([await alone.exited, alone.stderr()]).toEqual([0, ""]);

  const three = scene.processes.conclave(["dev"]);

  expect(await three.exited).toBe(2);
  expect(three.stderr()).toBe(
    "conclave: --nodes: .conclave holds the data of one server; use --nodes 1, or remove .conclave to begin anew\n",
  );
  expect(existsSync(join(scene.folder, ".conclave/node-2"))).toBe(false);
});

test("a server that cannot start ends all of them, with its exit code", async () => {
  await using scene = createScene();
  await using other = createScene();
  const port = await firstPort();
  const taken = other.processes.conclave(["server", "--listen", `127.0.0.1:${port + 1}`]);
  await eventually("it has the port", () => taken.stdout().includes("ready on"), taken.stderr);

  const dev = scene.processes.conclave(["dev", "--port", String(port)]);

  expect(await dev.exited).toBe(10);
  expect(dev.stderr()).toContain(`127.0.0.1:${port + 1} is in use by another process`);
});
