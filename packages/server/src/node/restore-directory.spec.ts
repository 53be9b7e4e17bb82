// SPDX-License-Identifier: Apache-2.0
/** From a backup to the data directories of a new cluster, on the real disk. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apply, createPartition } from "@conclave/fsm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDirectory } from "../member/data-directory.ts";
import { takeBackup } from "../replica/backup.ts";
import type { RoundMember } from "../replica/confirm-rounds.ts";
import { createFileDirectory } from "./file-directory.ts";
import { type NodeOptions, type StartedNode, startNode, systemClock } from "./index.ts";
import { restoreDirectory, verifyBackup } from "./restore-directory.ts";

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "conclave-restore-"));
  file = join(directory, "backup");
  await writeFile(file, await backupOf(["orders"]));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

/** Of a cluster of two partitions, in which `a` leads the elections. */
async function backupOf(names: readonly string[]): Promise<Uint8Array> {
  const states = [createPartition(), createPartition()];
  for (const state of states) {
    const opening = { kind: "open-session", sessionId: 7n, ttlMs: 10_000, graceMs: 0 } as const;
    apply(state, { timeMs: 5, commands: [{ ...opening, labels: new Map() }] });
    for (const [i, name] of names.entries()) {
      const key = { kind: "election", namespace: "default", name } as const;
      const enter = { kind: "enter", key, candidate: "a", metadata: new Map() } as const;
      const id = { sessionId: 7n, number: i + 1, acknowledged: 0 };
      apply(state, { timeMs: 5, commands: [{ ...enter, id, takeover: false }] });
    }
  }
  const barrier = (member: RoundMember) => member.settle({ kind: "passed", raftTerm: 1, index: 1 });
  const partitions = states.map((state, i) => ({
    partition: { number: i + 1, state, barrier },
    log: { hold: () => () => {} },
  }));
  const header = { clusterId: new Uint8Array(32), partitionCount: 2, savedMs: 5 };
  const bytes: number[] = [];
  for await (const part of takeBackup(partitions, header, () => 0, systemClock)) {
    if (!(part instanceof Uint8Array)) throw new Error(part.reason);
    bytes.push(...part);
  }
  return Uint8Array.from(bytes);
}

const MEMBERS = [1, 2, 3].map((node) => ({ node, address: `127.0.0.1:740${node}` }));

const restoreTo = (name: string, other: Partial<Parameters<typeof restoreDirectory>[0]> = {}) =>
  restoreDirectory({
    ...{ file, dataDirectory: join(directory, name), node: 1 },
    ...{ members: MEMBERS, clusterToken: "new" },
    ...other,
  });

async function identityIn(name: string) {
  const opened = await openDirectory(createFileDirectory(join(directory, name)));
  if (opened.kind !== "open" || opened.found.kind !== "found") throw new Error("no identity");
  await opened.close();
  return opened.found.identity;
}

test("directories made from one file for one list are of one cluster, which waits to be whole", async () => {
  const made = await Promise.all([1, 2, 3].map((node) => restoreTo(`node-${node}`, { node })));

  const ids = made.map((outcome) => outcome.kind === "restored" && outcome.clusterId);
  expect(new Set(ids).size).toBe(1);
  const identity = await identityIn("node-2");
  expect(identity).toMatchObject({
    ...{ node: 2, incarnation: 0, clusterId: ids[0], partitionCount: 2, members: MEMBERS },
    state: "unformed",
  });
});

test("another file, another token or another list make another cluster", async () => {
  const other = join(directory, "other");
  await writeFile(other, await backupOf(["orders", "payments"]));
  const made = await Promise.all([
    restoreTo("a"),
    restoreTo("b", { file: other }),
    restoreTo("c", { clusterToken: "newer" }),
    restoreTo("d", { members: MEMBERS.slice(0, 2) }),
  ]);
  const ids = made.map((outcome) => outcome.kind === "restored" && outcome.clusterId);
  expect(new Set(ids).size).toBe(4);
});

test("a directory that was used is left alone", async () => {
  await restoreTo("used");
  const before = await identityIn("used");

  expect(await restoreTo("used", { clusterToken: "again" })).toMatchObject({ kind: "in-use" });

  expect(await identityIn("used")).toEqual(before);
});

test("a damaged backup makes no directory", async () => {
  const bytes = await backupOf(["orders"]);
  bytes[100]! ^= 1;
  await writeFile(file, bytes);

  expect(await restoreTo("none")).toMatchObject({ kind: "damaged" });
  expect(await verifyBackup(file)).toMatchObject({ kind: "damaged" });
  expect(await readdir(directory)).toEqual(["backup"]);
});

test("a backup that is not there is told with the system's words", async () => {
  expect(await verifyBackup(join(directory, "nowhere"))).toMatchObject({
    kind: "unreadable",
    detail: expect.stringContaining("ENOENT"),
  });
});

test("a cluster of one starts from it: elections are there, vacant, with terms far ahead", async () => {
  const restored = await restoreTo("alone", { members: undefined });
  expect(restored).toMatchObject({ kind: "restored", backup: { partitionCount: 2 } });

  const options: NodeOptions = {
    ...{ node: 1, host: "127.0.0.1", port: 0, address: undefined, members: undefined, join: [] },
    ...{
      dataDirectory: join(directory, "alone"),
      partitionCount: undefined,
      corsOrigins: [],
      consoleDirectory: undefined,
    },
    ...{ clusterToken: "new", version: "0", log: () => {} },
  };
  const node = await startNode(options);
  if (node.kind === "failed") throw new Error(node.detail);
  try {
    expect(await electionAt(node)).toEqual({ term: `${2n ** 40n + 1n}`, leader: undefined });
  } finally {
    await node.stop();
  }
});

async function electionAt(node: StartedNode) {
  const answer = await fetch(`${node.url}/conclave.v1.ElectionService/Get`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ election: { name: "orders" } }),
  });
  const { view } = (await answer.json()) as { view: { term: string; leader?: object } };
  return { term: view.term, leader: view.leader };
}
