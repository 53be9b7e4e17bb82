// SPDX-License-Identifier: Apache-2.0
/** How long after the kill of the node that leads a partition does the next command succeed? */

import { setTimeout as delay } from "node:timers/promises";
import { type Client, connect } from "@conclave/client";
import { count, msWithSpread, type Question } from "./answer.ts";
import { type ConclaveCluster, startConclave } from "./conclave/cluster.ts";
import { leadingNode } from "./conclave/leaders.ts";
import { createDeferred } from "./deferred.ts";
import type { EtcdLease } from "./etcd/client.ts";
import { type EtcdCluster, startEtcd } from "./etcd/cluster.ts";
import { quantile, spreadOf } from "./rounds.ts";

const HELD = 32;
const TTL_MS = 10_000;
const ETCD_TTL_SECONDS = 60;
const ATTEMPT_EVERY_MS = 20;
/** From the return of a node to the next kill: both clusters have balanced themselves by then. */
const SETTLING_MS = 3_000;

export const nodeKill: Question = {
  name: "node-kill",
  async ask({ nodes, isQuick }) {
    if (nodes < 3) return [];
    const kills = isQuick ? 2 : 12;
    await using conclave = await startConclave(nodes);
    await using client = await connect({ endpoints: conclave.urls });
    let lost = 0;
    for (let i = 0; i < HELD; i++) {
      const held = await client.election(`held-${i}`).campaign({ ttlMs: TTL_MS });
      held.signal.addEventListener("abort", () => lost++);
    }
    const ours: number[] = [];
    for (let i = 0; i < kills; i++) ours.push(await killOurs(conclave, client, `kill-${i}`));
    const rows = [row("Conclave", ours)];
    const notes = [
      `Leaderships of this client lost meanwhile, of ${HELD} with a TTL of ${TTL_MS / 1_000} s: ${lost}.`,
    ];
    await using etcd = await startEtcd(nodes);
    if (etcd !== undefined) {
      const theirs: number[] = [];
      for (let i = 0; i < kills; i++) theirs.push(await killEtcd(etcd, `kill-${i}`));
      rows.push(row(etcd.name, theirs));
    }
    return [
      {
        title: `kill -9 of the node that leads to the next command done, ${kills} kills, ${nodes} durable nodes`,
        columns: ["", "median, ms (min-max)", "p99, ms"],
        rows,
        notes,
      },
    ];
  },
};

function row(name: string, ms: readonly number[]): readonly string[] {
  return [name, msWithSpread(spreadOf(ms)), count(quantile(ms, 0.99))];
}

async function killOurs(conclave: ConclaveCluster, client: Client, name: string): Promise<number> {
  const election = client.election(name);
  await election.lead(async () => {});
  const node = await leadingNode(conclave.urls[0] ?? "", name);
  if (node === 0) throw new Error(`nobody leads the partition of ${name}`);
  const beganMs = performance.now();
  const killed = conclave.kill(node);
  await election.lead(async () => {});
  const tookMs = performance.now() - beganMs;
  await killed;
  await conclave.restart(node);
  await delay(SETTLING_MS);
  return tookMs;
}

async function killEtcd(etcd: EtcdCluster, name: string): Promise<number> {
  const { client } = etcd;
  const member = await etcd.leader();
  const lease = await client.openLease(member + 1, ETCD_TTL_SECONDS);
  const beganMs = performance.now();
  const killed = etcd.kill(member);
  await firstCommand(etcd, member, name, lease);
  const tookMs = performance.now() - beganMs;
  await killed;
  lease.drop();
  await etcd.restart(member);
  await delay(SETTLING_MS);
  return tookMs;
}

/**
 * A command that was on its way to the dead leader is answered after seconds only, so another one is
 * asked of the two that live every few milliseconds, until one of them succeeds.
 */
async function firstCommand(
  { client }: EtcdCluster,
  dead: number,
  name: string,
  lease: EtcdLease,
): Promise<void> {
  const first = createDeferred();
  let attempt = 0;
  const timer = setInterval(() => {
    const member = dead + 1 + (attempt % 2);
    void client.campaign(member, `${name}-${attempt++}`, lease).then(first.resolve, () => {});
  }, ATTEMPT_EVERY_MS);
  await first.promise;
  clearInterval(timer);
}
