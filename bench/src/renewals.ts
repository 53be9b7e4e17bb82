// SPDX-License-Identifier: Apache-2.0
/** What do 10,000 sessions with a TTL of 10 s, over 100 connections, cost each node while nothing happens? */

import { setTimeout as delay } from "node:timers/promises";
import { type Client, connect } from "@conclave/client";
import { count, decimals, type Question } from "./answer.ts";
import { startConclave } from "./conclave/cluster.ts";
import { cpuSecondsOf, writtenBytesOf } from "./processes.ts";

const TTL_MS = 10_000;

export const renewals: Question = {
  name: "renewals",
  async ask({ nodes, isQuick }) {
    const [connections, sessionsEach, forMs] = isQuick ? [10, 10, 3_000] : [100, 100, 30_000];
    await using conclave = await startConclave(nodes);
    const clients = await Promise.all(
      Array.from({ length: connections }, () => connect({ endpoints: conclave.urls })),
    );
    const lost: string[] = [];
    for (const [i, client] of clients.entries()) {
      await openSessions(client, i, sessionsEach, (reason) => lost.push(reason));
    }
    // Until every session has renewed a few times in its own rhythm.
    await delay(TTL_MS / 2);
    const before = conclave.pids().map((pid) => readingOf(pid));
    await delay(forMs);
    const after = conclave.pids().map((pid) => readingOf(pid));
    const lostMeanwhile = [...lost];
    await Promise.all(clients.map((client) => client.close()));
    return [
      {
        title: `${count(connections * sessionsEach)} sessions renewed over ${connections} connections, TTL ${TTL_MS / 1_000} s, ${nodes} durable nodes`,
        columns: ["", "CPU, % of one core", "written to disk, bytes per second"],
        rows: before.map((reading, i) => [
          `node ${i + 1}`,
          decimals((100_000 * ((after[i]?.cpu ?? Number.NaN) - reading.cpu)) / forMs),
          count((1_000 * ((after[i]?.written ?? Number.NaN) - reading.written)) / forMs),
        ]),
        notes: [
          `Over ${forMs / 1_000} s. Leaderships lost meanwhile: ${lostMeanwhile.length}.`,
          ...new Set(lostMeanwhile),
        ],
      },
    ];
  },
};

/** Sessions of one client differ by their TTL, so that each has one of its own, with one election. */
async function openSessions(
  client: Client,
  number: number,
  sessions: number,
  onLoss: (reason: string) => void,
): Promise<void> {
  await Promise.all(
    Array.from({ length: sessions }, async (_, i) => {
      const election = client.election(`renewals-${number}-${i}`);
      const leadership = await election.campaign({ ttlMs: TTL_MS + i });
      const { signal } = leadership;
      signal.addEventListener("abort", () => onLoss(String(signal.reason)));
    }),
  );
}

function readingOf(pid: number): { readonly cpu: number; readonly written: number } {
  return { cpu: cpuSecondsOf(pid), written: writtenBytesOf(pid) };
}
