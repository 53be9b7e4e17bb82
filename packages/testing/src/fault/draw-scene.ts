// SPDX-License-Identifier: Apache-2.0
/**
 * Draws faults that belong together: shapes in which a belief outlives its ground unless everything is
 * right, and which faults that are drawn one by one hardly ever make.
 */

import type { Prng } from "@conclave/base";
import { pick } from "../pick.ts";
import type { Fault } from "./fault.ts";

export interface Stagehands {
  readonly nodes: number;
  /** Candidates. */
  readonly clients: readonly string[];
  readonly safetyMs: number;
}

export interface Scene {
  readonly faults: readonly Fault[];
  /** It shows something only while operators move leaders. */
  readonly isSteered: boolean;
}

type Draw = (prng: Prng, hands: Stagehands, atMs: number) => readonly Fault[];

const BEGIN_MS = 1_500;
/** Beyond most TTLs, and beyond all of them. */
const LONG_MS = [1_500, 4_000, 7_000];

/** A client reaches one node only, and that node not another, which may lead one of two partitions. */
const cornered: Draw = (prng, { nodes, clients }, atMs) => {
  const names = nodeNames(nodes);
  const only = pick(prng, names);
  const others = names.filter((name) => name !== only);
  const forMs = pick(prng, LONG_MS);
  return [
    { kind: "split", atMs, sides: [[pick(prng, clients)], others], forMs },
    { kind: "split", atMs, sides: [[only], [pick(prng, others)]], forMs },
  ];
};

/** A node answers renewals by what others know, long before its own replica has heard of it. */
const laggard: Draw = (prng, { nodes }, atMs) => {
  const first = prng.below(nodes);
  const nodesSlow = prng.chance(1, 2) ? [first] : [first, (first + 1) % nodes];
  const [syncMs, forMs] = [pick(prng, [50, 200, 500]), pick(prng, LONG_MS)];
  return nodesSlow.map((node) => ({ kind: "slow-disk", atMs, node: node + 1, syncMs, forMs }));
};

/** Answers are lost, one after the other, and asked for again. */
const resets: Draw = (prng, { nodes, clients }, atMs) => {
  const client = pick(prng, clients);
  return Array.from({ length: 5 + prng.below(15) }, () => {
    const b = pick(prng, nodeNames(nodes));
    return { kind: "reset", atMs: atMs + prng.below(3_000), a: client, b };
  });
};

const SCENES: readonly { readonly draw: Draw; readonly isSteered: boolean }[] = [
  { draw: cornered, isSteered: false },
  { draw: laggard, isSteered: true },
  { draw: resets, isSteered: true },
];

export function drawScene(prng: Prng, hands: Stagehands): Scene {
  const { draw, isSteered } = pick(prng, SCENES);
  const atMs = BEGIN_MS + prng.below(hands.safetyMs - 2 * BEGIN_MS);
  return { faults: draw(prng, hands, atMs), isSteered };
}

function nodeNames(nodes: number): readonly string[] {
  return Array.from({ length: nodes }, (_, i) => `node ${i + 1}`);
}
