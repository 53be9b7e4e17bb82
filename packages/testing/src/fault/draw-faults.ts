// SPDX-License-Identifier: Apache-2.0
/**
 * Draws a schedule of faults. Any of them may meet any other, but for those that destroy what a disk
 * had acknowledged: of these one run has one, since two of them are more than a group can bear.
 */

import type { Prng } from "@conclave/base";
import { pick } from "../pick.ts";
import type { Fault, FaultKind } from "./fault.ts";

export interface Hosts {
  readonly nodes: number;
  readonly partitions: number;
  readonly clients: readonly string[];
  readonly safetyMs: number;
  /** Beyond what sessions promise to stand. */
  readonly isBeyond: boolean;
}

/** They take acknowledged data from a node for good. */
const DESTRUCTIVE: readonly FaultKind[] = ["rot", "wipe", "replace"];

const KINDS: readonly FaultKind[] = [
  "kill",
  "stop",
  "power-cut",
  "power-cut-at",
  "pause",
  "sleep",
  "kill-client",
  "wall-jump",
  "split",
  "isolate",
  "isolate",
  "cut",
  "slow",
  "reset",
  "half-open",
  "lossy",
  "slow-disk",
  "full-disk",
  "disk-error",
  "transfer",
];

/** When the first one comes: by then a small cluster has formed and somebody leads. */
const BEGIN_MS = 1_000;
/** About as long as an election: what comes within it comes before anybody has got over the first. */
const BURST_MS = 700;

/** When faults come, and whom most of them hit. */
interface Aim {
  readonly fromMs: number;
  readonly spanMs: number;
  readonly victim: number | undefined;
}

export function drawFaults(prng: Prng, hosts: Hosts): readonly Fault[] {
  const kinds = KINDS.filter(() => prng.chance(1, 3));
  const count = kinds.length === 0 ? 0 : 1 + prng.below(12);
  const aim = drawAim(prng.child("aim"), hosts);
  const faults = Array.from({ length: count }, () => draw(pick(prng, kinds), prng, hosts, aim));
  // With a chance of its own: what it draws leaves the others as they were.
  const orderly = prng.child("orderly");
  const closings = orderly.chance(1, 4) ? 1 + orderly.below(4) : 0;
  for (let i = 0; i < closings; i++) faults.push(draw("close-client", orderly, hosts, aim));
  if (hosts.nodes >= 3 && prng.chance(1, 4))
    faults.push(draw(pick(prng, DESTRUCTIVE), prng, hosts, aim));
  if (prng.chance(1, 12)) {
    const restore = drawRestore(prng, hosts);
    // A new cluster needs all that it was told of to begin: who is wiped before is to be restored again.
    const others = faults.filter(({ kind, atMs }) => {
      return !DESTRUCTIVE.includes(kind) || atMs < restore.atMs;
    });
    return [...others, restore].sort((a, b) => a.atMs - b.atMs);
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

/** Over the whole run and anywhere; or, in one run of three, all in a burst, and mostly at one node. */
function drawAim(prng: Prng, { nodes, safetyMs }: Hosts): Aim {
  if (!prng.chance(1, 3)) {
    return { fromMs: BEGIN_MS, spanMs: safetyMs - BEGIN_MS, victim: undefined };
  }
  const fromMs = BEGIN_MS + prng.below(safetyMs - BEGIN_MS - BURST_MS);
  return { fromMs, spanMs: BURST_MS, victim: 1 + prng.below(nodes) };
}

interface Hit {
  readonly node: number;
  readonly client: string;
  /** Whoever leads a partition then. */
  readonly leader: string;
  readonly host: string;
  readonly other: string;
}

function drawHit(prng: Prng, hosts: Hosts, aim: Aim): Hit {
  const anyNode = 1 + prng.below(hosts.nodes);
  const victim = aim.victim !== undefined && prng.chance(1, 2) ? aim.victim : undefined;
  const client = pick(prng, hosts.clients);
  const leader = `leader ${1 + prng.below(hosts.partitions)}`;
  const names = namesOf(hosts);
  const anyHost = prng.chance(1, 4) ? leader : pick(prng, names);
  const host = victim === undefined ? anyHost : `node ${victim}`;
  const others = names.filter((name) => name !== host);
  return { node: victim ?? anyNode, client, leader, host, other: pick(prng, others) };
}

function draw(kind: FaultKind, prng: Prng, hosts: Hosts, aim: Aim): Fault {
  const atMs = aim.fromMs + prng.below(aim.spanMs);
  const { node, client, leader, host, other } = drawHit(prng, hosts, aim);
  const forMs = lasting(prng);
  const downMs = lasting(prng);
  switch (kind) {
    case "kill":
    case "stop":
    case "wipe":
    case "replace":
      return { kind, atMs, node, downMs };
    case "power-cut": {
      const nodes = prng.chance(1, 3) ? range(hosts.nodes) : [node];
      return { kind, atMs, nodes, fate: pick(prng, ["lose-all", "keep-all", "random"]), downMs };
    }
    case "power-cut-at":
      return { kind, atMs, node, downMs, operation: prng.below(6), keptBytes: prng.below(600) };
    case "pause":
      return { kind, atMs, host, forMs, order: pick(prng, ["as-it-came", "timers-first"]) };
    case "sleep":
      return { kind, atMs, host: client, forMs };
    case "kill-client":
    case "close-client":
      return { kind, atMs, client, downMs };
    case "wall-jump":
      return { kind, atMs, host, byMs: (prng.below(3) - 1) * 3_600_000 };
    case "split":
      return { kind, atMs, sides: drawSides(prng, namesOf(hosts)), forMs };
    case "isolate":
      return drawIsolation(prng, atMs, pick(prng, [leader, host, client]));
    case "cut":
    case "slow": {
      const path = { atMs, from: host, to: other, forMs };
      return kind === "cut" ? { kind, ...path } : { kind, ...path, delayMs: 20 + prng.below(400) };
    }
    case "reset":
      return { kind, atMs, a: host, b: other };
    case "half-open": {
      const nodes = [...nodeNames(hosts.nodes), leader];
      const isPromised = nodes.includes(other) || !nodes.includes(host);
      const [told, untold] = isPromised || hosts.isBeyond ? [host, other] : [other, host];
      return { kind, atMs, told, untold };
    }
    case "lossy":
      return {
        ...{ kind, atMs, forMs },
        lostPermille: prng.below(200),
        doubledPermille: prng.below(200),
        reorderedPermille: prng.below(200),
      };
    case "slow-disk":
      return { kind, atMs, node, syncMs: pick(prng, [20, 200, 2_000]), forMs };
    case "full-disk":
      return { kind, atMs, node, forMs };
    case "disk-error":
      return { kind, atMs, node, operation: pick(prng, ["write", "datasync", "create"]) };
    case "restore":
      return drawRestore(prng, hosts);
    case "rot":
      return { kind, atMs, node, pick: prng.nextUint32(), downMs };
    case "transfer":
      return { kind, atMs, partition: 1 + prng.below(hosts.partitions), to: node };
  }
}

/** Late enough that there is something to save, and early enough that the new cluster meets faults too. */
function drawRestore(prng: Prng, { safetyMs }: Hosts): Fault {
  const atMs = 2 * BEGIN_MS + prng.below(safetyMs / 2 - 2 * BEGIN_MS);
  return { kind: "restore", atMs, afterMs: prng.below(safetyMs / 4) };
}

function drawIsolation(prng: Prng, atMs: number, host: string): Fault {
  return {
    ...{ kind: "isolate", atMs, host },
    isWhole: prng.chance(1, 2),
    lost: pick(prng, ["said", "heard", "both", "both"]),
    lateMs: prng.chance(1, 2) ? 0 : 20 + prng.below(600),
    isReset: prng.chance(1, 3),
    // Sessions end of the longer ones.
    forMs: 200 + prng.below(5_000),
  };
}

/** Two sides, or a bridge: one that is on neither hears both. */
function drawSides(prng: Prng, names: readonly string[]): readonly (readonly string[])[] {
  const sides: [string[], string[]] = [[], []];
  const hasBridge = prng.chance(1, 3);
  for (const name of names) {
    const side = prng.below(hasBridge ? 3 : 2);
    if (side < 2) sides[side as 0 | 1].push(name);
  }
  return sides;
}

/** Mostly about as long as an election, sometimes as long as a session. */
function lasting(prng: Prng): number {
  return prng.chance(1, 3) ? 500 + prng.below(5_000) : 20 + prng.below(900);
}

function namesOf({ nodes, clients }: Hosts): readonly string[] {
  return [...nodeNames(nodes), ...clients];
}

function nodeNames(nodes: number): readonly string[] {
  return range(nodes).map((node) => `node ${node}`);
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}
