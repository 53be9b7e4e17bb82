// SPDX-License-Identifier: Apache-2.0
/**
 * How long until the last of many watchers has heard of one change: of 10,000 watches over 100
 * connections, and of 1,000 streams of their own?
 */

import { connect } from "@conclave/client";
import { decimals, msWithSpread, type Question } from "./answer.ts";
import { startConclave } from "./conclave/cluster.ts";
import { type EtcdCluster, startEtcd } from "./etcd/cluster.ts";
import { quantile, spreadOf } from "./rounds.ts";
import { observeEtcd, type Watchers, watchOverConnections, watchOverStreams } from "./watchers.ts";

const ELECTION = "fan-out";
const ETCD_TTL_SECONDS = 60;

export const fanOut: Question = {
  name: "fan-out",
  async ask({ nodes, isQuick }) {
    const [watches, connections, streams, changes] = isQuick
      ? [1_000, 10, 100, 3]
      : [10_000, 100, 1_000, 20];
    await using conclave = await startConclave(nodes);
    await using candidate = await connect({ endpoints: conclave.urls });
    const leadership = await candidate.election(ELECTION).campaign();
    let version = 0;
    const update = () => leadership.update({ version: `${version++}` });
    const rows = [
      await row(
        `${watches} watches over ${connections} connections`,
        await watchOverConnections(conclave.urls, ELECTION, watches, connections),
        update,
        changes,
      ),
      await row(
        `${streams} streams of their own`,
        await watchOverStreams(conclave.urls, ELECTION, streams),
        update,
        changes,
      ),
    ];
    await using etcd = await startEtcd(nodes);
    if (etcd !== undefined) {
      const proclaim = await proclaimOn(etcd);
      const observers = await observeEtcd(etcd, ELECTION, streams);
      rows.push(await row(`${etcd.name}, ${streams} observers`, observers, proclaim, changes));
    }
    return [
      {
        title: `One change to all who watch one election, ${changes} changes, ${nodes} durable nodes`,
        columns: ["", "the last one, median ms (min-max)", "each one, p50 ms", "p99 ms"],
        rows,
        notes: [
          "From before the change is asked for. Nobody missed one, or there would be no answer.",
        ],
      },
    ];
  },
};

async function proclaimOn({ client }: EtcdCluster): Promise<() => Promise<void>> {
  const lease = await client.openLease(0, ETCD_TTL_SECONDS);
  const key = await client.campaign(0, ELECTION, lease);
  let version = 0;
  return () => client.proclaim(0, key, `${version++}`);
}

async function row(
  name: string,
  watchers: Watchers,
  change: () => Promise<void>,
  changes: number,
): Promise<readonly string[]> {
  const all: (readonly number[])[] = [];
  for (let i = 0; i < changes; i++) all.push(await watchers.hear(change));
  await watchers.close();
  const each = all.flat();
  return [
    name,
    msWithSpread(spreadOf(all.map((delays) => quantile(delays, 1)))),
    decimals(quantile(each, 0.5)),
    decimals(quantile(each, 0.99)),
  ];
}
