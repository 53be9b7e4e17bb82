// SPDX-License-Identifier: Apache-2.0
/** How long is an election without a leader when the process that leads is killed with SIGKILL? */

import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Client, connect, type Election } from "@conclave/client";
import { count, msWithSpread, type Question, type Setting } from "./answer.ts";
import { startConclave } from "./conclave/cluster.ts";
import { type EtcdCluster, startEtcd } from "./etcd/cluster.ts";
import { startProcess, until } from "./processes.ts";
import { quantile, spreadOf } from "./rounds.ts";

const PROGRAM = fileURLToPath(new URL("candidate-main.js", import.meta.url));
const GRACE_MS = 100;
/** The shortest lease that etcd grants at its default timeouts; ours is as long, for the comparison. */
const TTL_MS = 2_000;
const LONG_TTL_MS = 10_000;
const ETCD_LONG_TTL_SECONDS = 60;

export const crash: Question = {
  name: "crash",
  async ask(setting) {
    const crashes = setting.isQuick ? 3 : 30;
    await using conclave = await startConclave(setting.nodes);
    await using client = await connect({ endpoints: conclave.urls });
    await using etcd = await startEtcd(setting.nodes);
    const byGrace: number[] = [];
    const byTtl: number[] = [];
    const byLease: number[] = [];
    for (let i = 0; i < crashes; i++) {
      byGrace.push(await crashOfOurs(client, conclave.urls, `grace-${i}`, LONG_TTL_MS, GRACE_MS));
      byTtl.push(await crashOfOurs(client, conclave.urls, `ttl-${i}`, TTL_MS, 0));
      if (etcd !== undefined) byLease.push(await crashOnEtcd(etcd, `crash-${i}`, i));
    }
    return [
      {
        title: title(setting, crashes),
        columns: ["", "median, ms (min-max)", "p99, ms"],
        rows: [
          row(`Conclave, grace ${GRACE_MS} ms (TTL ${count(LONG_TTL_MS)} ms)`, byGrace),
          row(`Conclave, no grace, TTL ${count(TTL_MS)} ms`, byTtl),
          ...(etcd === undefined ? [] : [row(`${etcd.name}, TTL ${count(TTL_MS)} ms`, byLease)]),
        ],
        notes: [
          "From the kill to the moment at which the next candidate knows that it leads. etcd does not notice",
          "that a connection is gone, so its candidate only stops renewing, at a random moment.",
        ],
      },
    ];
  },
};

function title({ nodes }: Setting, crashes: number): string {
  return `Crash of the leading process to the next one elected, ${crashes} crashes, ${nodes} durable nodes`;
}

function row(name: string, ms: readonly number[]): readonly string[] {
  return [name, msWithSpread(spreadOf(ms)), count(quantile(ms, 0.99))];
}

/** Kills a leader while this process waits in line, and says how long it waited. */
async function crashOfOurs(
  client: Client,
  urls: readonly string[],
  name: string,
  ttlMs: number,
  graceMs: number,
): Promise<number> {
  const args = [PROGRAM, name, `${ttlMs}`, `${graceMs}`, ...urls];
  const leader = startProcess(process.execPath, args);
  await leader.line(/leading\n/);
  const election = client.election(name);
  const waiting = election.campaign({ ttlMs: LONG_TTL_MS });
  await untilQueued(election);
  await aMomentBetweenRenewals();
  const beganMs = performance.now();
  leader.signal("SIGKILL");
  const leadership = await waiting;
  const tookMs = performance.now() - beganMs;
  await leadership.resign();
  await leader.end();
  return tookMs;
}

async function untilQueued(election: Election): Promise<void> {
  await until("somebody waits in line", async () => (await election.get()).queue.length > 0);
}

async function crashOnEtcd({ client }: EtcdCluster, name: string, member: number): Promise<number> {
  const leader = await client.openLease(member, TTL_MS / 1_000);
  const next = await client.openLease(member + 1, ETCD_LONG_TTL_SECONDS);
  await client.campaign(member, name, leader);
  const waiting = client.campaign(member + 1, name, next);
  // Nothing tells when a candidate of etcd's has entered the queue.
  await delay(100);
  await aMomentBetweenRenewals();
  const beganMs = performance.now();
  leader.drop();
  const key = await waiting;
  const tookMs = performance.now() - beganMs;
  await client.resign(member + 1, key);
  next.drop();
  return tookMs;
}

/** A crash does not wait for a renewal to be over: both renew more often than this is long. */
function aMomentBetweenRenewals(): Promise<void> {
  return delay(Math.random() * TTL_MS);
}
