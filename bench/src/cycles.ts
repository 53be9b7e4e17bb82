// SPDX-License-Identifier: Apache-2.0
/**
 * How many cycles of enter, lead and withdraw per second, on an election of its own for each in flight?
 *
 * Through the SDK on our servers, through its Election API on etcd, and as two bare operations on the
 * spike, in turns.
 */

import { type Client, connect } from "@conclave/client";
import { type Answer, countWithSpread, decimals, type Question, type Setting } from "./answer.ts";
import { startConclave } from "./conclave/cluster.ts";
import { type EtcdCluster, startEtcd } from "./etcd/cluster.ts";
import { type Contender, closedLoop, type Summary, takeTurns } from "./rounds.ts";
import { type SpikeCluster, startSpike } from "./spike/cluster.ts";

const IN_FLIGHT = [1, 16, 64, 256];
const ETCD_TTL_SECONDS = 60;
/** About what a command of ours has beside its framing: a name, a candidate, a session, numbers. */
const SPIKE_PAYLOAD = new Uint8Array(48).fill(1);

export const cycles: Question = {
  name: "cycles",
  async ask(setting) {
    await using conclave = await startConclave(setting.nodes);
    await using client = await connect({ endpoints: conclave.urls });
    await using etcd = await startEtcd(setting.nodes);
    await using spike = await startSpike(setting.nodes);
    const contenders = [
      cyclesOfOurs(client),
      ...(etcd === undefined ? [] : [await cyclesOfEtcd(etcd)]),
      cyclesOfSpike(spike),
    ];
    const answers: Answer[] = [];
    for (const inFlight of IN_FLIGHT) {
      const turns = contenders.map(
        ({ name, cycle }): Contender => ({
          name,
          round: () => closedLoop(inFlight, setting.roundMs, cycle),
        }),
      );
      answers.push(answerOf(setting, inFlight, await takeTurns(turns, setting.rounds)));
    }
    return answers;
  },
};

interface Cycling {
  readonly name: string;
  readonly cycle: (slot: number) => Promise<void>;
}

function cyclesOfOurs(client: Client): Cycling {
  const elections = Array.from({ length: Math.max(...IN_FLIGHT) }, (_, i) =>
    client.election(`cycles-${i}`),
  );
  return {
    name: "Conclave",
    cycle: async (slot) => {
      await elections[slot]?.lead(async () => {});
    },
  };
}

async function cyclesOfEtcd({ name, client }: EtcdCluster): Promise<Cycling> {
  const lease = await client.openLease(0, ETCD_TTL_SECONDS);
  return {
    name,
    cycle: async (slot) => {
      const key = await client.campaign(slot, `cycles-${slot}`, lease);
      await client.resign(slot, key);
    },
  };
}

function cyclesOfSpike({ client }: SpikeCluster): Cycling {
  return {
    name: "bare spike",
    cycle: async () => {
      await client.perform(SPIKE_PAYLOAD);
      await client.perform(SPIKE_PAYLOAD);
    },
  };
}

function answerOf(setting: Setting, inFlight: number, summaries: readonly Summary[]): Answer {
  const ours = summaries[0]?.perSecond.median ?? Number.NaN;
  return {
    title: `Cycles of enter, lead and withdraw, ${inFlight} in flight, ${setting.nodes} durable nodes`,
    columns: ["", "per second (min-max)", "p50, ms", "p99, ms", "Conclave is"],
    rows: summaries.map(({ name, perSecond, p50Ms, p99Ms }) => [
      name,
      countWithSpread(perSecond),
      decimals(p50Ms),
      decimals(p99Ms),
      `${decimals(ours / perSecond.median)} x`,
    ]),
  };
}
