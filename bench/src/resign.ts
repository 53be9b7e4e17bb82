// SPDX-License-Identifier: Apache-2.0
/** How long is it from a leader's resignation to the next candidate's knowing that it leads? */

import { setTimeout as delay } from "node:timers/promises";
import { type Client, connect } from "@conclave/client";
import { decimals, msWithSpread, type Question } from "./answer.ts";
import { startConclave } from "./conclave/cluster.ts";
import { type EtcdCluster, startEtcd } from "./etcd/cluster.ts";
import { until } from "./processes.ts";
import { quantile, spreadOf } from "./rounds.ts";

const ETCD_TTL_SECONDS = 60;

export const resign: Question = {
  name: "resign",
  async ask({ nodes, isQuick }) {
    const times = isQuick ? 10 : 200;
    await using conclave = await startConclave(nodes);
    await using first = await connect({ endpoints: conclave.urls });
    await using second = await connect({ endpoints: conclave.urls });
    await using etcd = await startEtcd(nodes);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let i = 0; i < times; i++) {
      ours.push(await resignation(first, second, `resign-${i}`));
      if (etcd !== undefined) theirs.push(await resignationOnEtcd(etcd, `resign-${i}`, i));
    }
    const row = (name: string, ms: readonly number[]): readonly string[] => [
      name,
      msWithSpread(spreadOf(ms)),
      decimals(quantile(ms, 0.99)),
    ];
    return [
      {
        title: `Resignation to the next leader elected, ${times} times, ${nodes} durable nodes`,
        columns: ["", "median, ms (min-max)", "p99, ms"],
        rows: [row("Conclave", ours), ...(etcd === undefined ? [] : [row(etcd.name, theirs)])],
        notes: ["Each of the two candidates has a client, and so a connection, of its own."],
      },
    ];
  },
};

async function resignation(first: Client, second: Client, name: string): Promise<number> {
  const leader = await first.election(name).campaign();
  const waiting = second.election(name).campaign();
  const election = first.election(name);
  await until("the second waits", async () => (await election.get()).queue.length > 0);
  const beganMs = performance.now();
  const resigned = leader.resign();
  const next = await waiting;
  const tookMs = performance.now() - beganMs;
  await resigned;
  await next.resign();
  return tookMs;
}

async function resignationOnEtcd(
  { client }: EtcdCluster,
  name: string,
  member: number,
): Promise<number> {
  const leases = [
    await client.openLease(member, ETCD_TTL_SECONDS),
    await client.openLease(member + 1, ETCD_TTL_SECONDS),
  ] as const;
  const leader = await client.campaign(member, name, leases[0]);
  const waiting = client.campaign(member + 1, name, leases[1]);
  // Nothing tells when a candidate of etcd's has entered the queue.
  await delay(50);
  const beganMs = performance.now();
  const resigned = client.resign(member, leader);
  const next = await waiting;
  const tookMs = performance.now() - beganMs;
  await resigned;
  await client.resign(member + 1, next);
  for (const lease of leases) lease.drop();
  return tookMs;
}
