// SPDX-License-Identifier: Apache-2.0
/** How many reads of one election's leader per second: linearizable, and stale from any replica? */

import { connect } from "@conclave/client";
import { type Answer, countWithSpread, decimals, type Question } from "./answer.ts";
import { startConclave } from "./conclave/cluster.ts";
import { type EtcdCluster, startEtcd } from "./etcd/cluster.ts";
import { closedLoop, takeTurns } from "./rounds.ts";

const IN_FLIGHT = [1, 256];
const ELECTIONS = 64;
const ETCD_TTL_SECONDS = 60;

interface Reading {
  readonly name: string;
  readonly read: (slot: number) => Promise<unknown>;
}

export const reads: Question = {
  name: "reads",
  async ask({ nodes, rounds, roundMs }) {
    await using conclave = await startConclave(nodes);
    await using client = await connect({ endpoints: conclave.urls });
    await using etcd = await startEtcd(nodes);
    const elections = Array.from({ length: ELECTIONS }, (_, i) => client.election(nameOf(i)));
    await Promise.all(elections.map((election) => election.campaign()));
    if (etcd !== undefined) await leadOnEtcd(etcd);
    const answers: Answer[] = [];
    for (const read of ["linearizable", "stale"] as const) {
      const ours: Reading = {
        name: "Conclave",
        read: async (slot) => elections[slot % ELECTIONS]?.get({ read }),
      };
      for (const inFlight of IN_FLIGHT) {
        const contenders = [ours, ...(etcd === undefined ? [] : [readingOf(etcd, read)])];
        const summaries = await takeTurns(
          contenders.map(({ name, read }) => ({
            name,
            round: () => closedLoop(inFlight, roundMs, async (slot) => void (await read(slot))),
          })),
          rounds,
        );
        const base = summaries[0]?.perSecond.median ?? Number.NaN;
        answers.push({
          title: `Reads of who leads, ${read}, ${inFlight} in flight, ${nodes} durable nodes`,
          columns: ["", "per second (min-max)", "p50, ms", "p99, ms", "Conclave is"],
          rows: summaries.map(({ name, perSecond, p50Ms, p99Ms }) => [
            name,
            countWithSpread(perSecond),
            decimals(p50Ms),
            decimals(p99Ms),
            `${decimals(base / perSecond.median)} x`,
          ]),
        });
      }
    }
    return answers;
  },
};

function nameOf(election: number): string {
  return `reads-${election % ELECTIONS}`;
}

async function leadOnEtcd({ client }: EtcdCluster): Promise<void> {
  const lease = await client.openLease(0, ETCD_TTL_SECONDS);
  for (let i = 0; i < ELECTIONS; i++) await client.campaign(i, nameOf(i), lease);
}

function readingOf({ name, client }: EtcdCluster, read: "linearizable" | "stale"): Reading {
  return {
    name,
    read: (slot) =>
      read === "stale" ? client.staleRead(slot, nameOf(slot)) : client.leader(slot, nameOf(slot)),
  };
}
