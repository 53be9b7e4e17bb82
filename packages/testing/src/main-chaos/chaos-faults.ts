// SPDX-License-Identifier: Apache-2.0
/**
 * What goes wrong while a cluster of real processes works: one lane of faults for processes and one for
 * the network, which overlap. Drawn from a seed; when they strike is up to the machine.
 */

import { setTimeout as delay } from "node:timers/promises";
import type { Prng } from "@conclave/base";
import type { Client } from "@conclave/client";
import type { Party, TestCluster } from "../cluster/test-cluster.ts";
import { pick } from "../pick.ts";

export interface Disturbed {
  readonly cluster: TestCluster;
  /** Those that may lose their ways. */
  readonly clients: readonly Client[];
  readonly prng: Prng;
  /** Told of each fault and of its end. */
  readonly note: (fault: string) => void;
}

/** Until `signal` is aborted; then everything is made whole, and it resolves. */
export async function disturb(disturbed: Disturbed, signal: AbortSignal): Promise<void> {
  const lanes = [
    { next: hurtProcesses, prng: disturbed.prng.child("processes") },
    { next: hurtNetwork, prng: disturbed.prng.child("network") },
  ];
  await Promise.all(
    lanes.map(async ({ next, prng }) => {
      while (await rest(prng, 200, 3_000, signal)) {
        const undo = await next({ ...disturbed, prng });
        await rest(prng, 100, 3_000, signal);
        await undo();
      }
    }),
  );
}

/** What makes it good again. */
type Undo = () => Promise<void>;

async function hurtProcesses({ cluster, prng, note }: Disturbed): Promise<Undo> {
  const victims = drawNodes(prng, cluster.nodes, pick(prng, [1, 1, 1, 1, 1, 1, 2, 2, 3]));
  const kind = pick(prng, ["kill", "kill", "stop", "pause"] as const);
  note(`${kind} ${victims}`);
  if (kind === "pause") {
    for (const node of victims) cluster.pause(node);
    return async () => {
      note(`resume ${victims}`);
      for (const node of victims) cluster.resume(node);
    };
  }
  await Promise.all(victims.map((node) => cluster[kind](node)));
  return async () => {
    note(`restart ${victims}`);
    await Promise.all(victims.map((node) => cluster.restart(node)));
  };
}

async function hurtNetwork(disturbed: Disturbed): Promise<Undo> {
  const { cluster, prng, note } = disturbed;
  note(pick(prng, NETWORK_FAULTS)(disturbed));
  return async () => {
    note("heal");
    cluster.heal();
  };
}

/** Each says what it did. */
const NETWORK_FAULTS: readonly ((disturbed: Disturbed) => string)[] = [
  ({ cluster, prng }) => {
    const node = pick(prng, cluster.nodes);
    cluster.isolate(node);
    return `isolate ${node}`;
  },
  ({ cluster, clients, prng }) => {
    const parties: readonly Party[] = [...cluster.nodes, ...clients];
    const isLeft = parties.map(() => prng.chance(1, 2));
    cluster.partition(
      parties.filter((_, i) => isLeft[i]),
      parties.filter((_, i) => !isLeft[i]),
    );
    return `partition ${parties.map((party, i) => `${nameOf(party, clients)}:${isLeft[i] ? "a" : "b"}`)}`;
  },
  ({ cluster, clients, prng }) => {
    const to = pick(prng, cluster.nodes);
    const others = cluster.nodes.filter((node) => node !== to);
    const from = pick<Party>(prng, [...others, ...others, pick(prng, clients)]);
    const [one, other] = prng.chance(1, 2) ? [from, to] : [to, from];
    cluster.treat(one, other, { isSilent: true });
    return `cut ${nameOf(one, clients)} > ${nameOf(other, clients)}`;
  },
  ({ cluster, clients, prng }) => {
    const treatment = { delayMs: 10 + prng.below(150), lossShare: prng.below(8) / 100 };
    for (const from of [...cluster.nodes, ...clients]) {
      for (const to of cluster.nodes) {
        if (from === to) continue;
        cluster.treat(from, to, treatment);
        cluster.treat(to, from, treatment);
      }
    }
    return `slow ${JSON.stringify(treatment)}`;
  },
  ({ cluster, clients, prng }) => {
    const client = pick(prng, clients);
    cluster.isolate(client);
    return `isolate ${nameOf(client, clients)}`;
  },
  ({ cluster, clients, prng }) => {
    const node = pick(prng, cluster.nodes);
    const other = pick<Party>(prng, [...cluster.nodes.filter((one) => one !== node), ...clients]);
    cluster.reset(node, other);
    return `reset ${node} ${nameOf(other, clients)}`;
  },
];

function nameOf(party: Party, clients: readonly Client[]): string {
  if (typeof party === "number" || party === "others") return `${party}`;
  return `client-${clients.indexOf(party) + 1}`;
}

function drawNodes(prng: Prng, nodes: readonly number[], count: number): readonly number[] {
  const left = [...nodes];
  const drawn: number[] = [];
  while (drawn.length < count && left.length > 0) {
    drawn.push(...left.splice(prng.below(left.length), 1));
  }
  return drawn;
}

/** Whether it was slept through; false: aborted. */
async function rest(
  prng: Prng,
  minMs: number,
  maxMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await delay(minMs + prng.below(maxMs - minMs), undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
