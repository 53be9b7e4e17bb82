// SPDX-License-Identifier: Apache-2.0
/** The spike's processes: a leader and its followers. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startProcess } from "../processes.ts";
import { connectSpike, type SpikeClient } from "./client.ts";

export interface SpikeCluster extends AsyncDisposable {
  readonly client: SpikeClient;
}

const PROGRAM = fileURLToPath(new URL("server-main.js", import.meta.url));

export async function startSpike(nodes: number): Promise<SpikeCluster> {
  const folder = await mkdtemp(join(tmpdir(), "conclave-bench-spike-"));
  const start = async (name: string, followerUrls: readonly string[]) => {
    const running = startProcess(process.execPath, [PROGRAM, join(folder, name), ...followerUrls]);
    return { running, url: (await running.line(/ready on (\S+)\n/))[1] ?? "" };
  };
  const followers = await Promise.all(
    Array.from({ length: nodes - 1 }, (_, i) => start(`follower-${i + 1}`, [])),
  );
  const leader = await start(
    "leader",
    followers.map(({ url }) => url),
  );
  const client = connectSpike(leader.url);
  return {
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await Promise.all([leader, ...followers].map(({ running }) => running.end("SIGKILL")));
      await rm(folder, { recursive: true });
    },
  };
}
