// SPDX-License-Identifier: Apache-2.0
/** What do 100,000 idle elections cost each node, and how long does it take to start with them? */

import { setTimeout as delay } from "node:timers/promises";
import { type Client, connect } from "@conclave/client";
import { count, decimals, type Question } from "./answer.ts";
import { type ConclaveCluster, isReady, startConclave } from "./conclave/cluster.ts";
import { cpuSecondsOf, residentBytesOf, until, writtenBytesOf } from "./processes.ts";

const CLIENTS = 10;
const IN_FLIGHT = 64;
const TTL_MS = 60_000;

export const manyElections: Question = {
  name: "many-elections",
  async ask({ nodes, isQuick }) {
    const [elections, idleMs] = isQuick ? [1_000, 2_000] : [100_000, 30_000];
    await using conclave = await startConclave(nodes);
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () => connect({ endpoints: conclave.urls })),
    );
    const empty = conclave.pids().map(residentBytesOf);
    const beganMs = performance.now();
    await Promise.all(clients.map((client, i) => enter(client, i, elections / CLIENTS)));
    const enteredMs = performance.now() - beganMs;
    await delay(idleMs);
    const before = conclave.pids().map(readingOf);
    await delay(idleMs);
    const after = conclave.pids().map(readingOf);
    const restartMs = await restart(conclave, nodes);
    await Promise.all(clients.map((client) => client.close()));
    return [
      {
        title: `${count(elections)} elections of one candidate, ${nodes} durable nodes`,
        columns: [
          "",
          "memory, bytes each",
          "idle CPU, % of one core",
          "idle, bytes written per second",
          "killed and serving again, ms",
        ],
        rows: before.map((reading, i) => [
          `node ${i + 1}`,
          count((reading.resident - (empty[i] ?? Number.NaN)) / elections),
          decimals((100_000 * ((after[i]?.cpu ?? Number.NaN) - reading.cpu)) / idleMs),
          count((1_000 * ((after[i]?.written ?? Number.NaN) - reading.written)) / idleMs),
          i === nodes - 1 ? count(restartMs) : "",
        ]),
        notes: [
          `Entered in ${decimals(enteredMs / 1_000, 1)} s by ${CLIENTS} clients, then left alone for`,
          `${idleMs / 1_000} s and read over as long. Memory is resident memory, garbage and log included.`,
        ],
      },
    ];
  },
};

/** Names of 24 bytes. */
async function enter(client: Client, number: number, elections: number): Promise<void> {
  let next = 0;
  const keepEntering = async (): Promise<void> => {
    while (next < elections) {
      const name = `${number}-${next++}`.padStart(24, "0");
      await client.election(name).campaign({ candidate: "a", ttlMs: TTL_MS });
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, keepEntering));
}

/** Of the last node, from the start of its process: it is killed, and answers again that it is ready. */
async function restart(conclave: ConclaveCluster, node: number): Promise<number> {
  await conclave.kill(node);
  const url = conclave.urls[node - 1] ?? "";
  const beganMs = performance.now();
  await Promise.all([conclave.restart(node), until(`${url} is ready`, () => isReady(url))]);
  return performance.now() - beganMs;
}

function readingOf(pid: number) {
  return {
    cpu: cpuSecondsOf(pid),
    written: writtenBytesOf(pid),
    resident: residentBytesOf(pid),
  };
}
