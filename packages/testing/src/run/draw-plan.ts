// SPDX-License-Identifier: Apache-2.0
/**
 * Draws a run from a seed. Swarm testing (Groce et al., 2012): each run has some kinds of faults and
 * not the others, so that those which hide each other also come alone; sizes and paces differ too.
 */

import { createPrng, type Prng } from "@conclave/base";
import type { MemberLimits } from "@conclave/server/member";
import { drawFaults } from "../fault/draw-faults.ts";
import { drawScene, type Scene, type Stagehands } from "../fault/draw-scene.ts";
import { pick } from "../pick.ts";
import type { WatchHabits } from "../workload/watcher.ts";
import type { ClientPlan, Plan } from "./plan.ts";

const SAFETY_MS = [6_000, 10_000, 15_000];
/** Of a clock: no two are more than one percent apart. */
const MOST_PPM = 5_000;
const TTL_MS = [500, 800, 1_000, 2_000, 3_000, 5_000];
/** Segments are given back soon, and a follower that lags is sent what is on the disk. */
const SMALL_LOG = { segmentBytes: 16 * 1024, entryBytesMax: 8 * 1024, cacheBytesMax: 0 };
/** A lagging follower is sent a snapshot, in many pieces; others get one entry at a time, or a few. */
const SMALL_FLOWS = [
  {
    append: { bytes: 64, entries: 1 },
    ...{ inflightBytesMax: 256, inflightMessagesMax: 2 },
    ...{ snapshotChunkBytes: 100, snapshotInflightBytes: 250 },
    tail: { bytes: 0, entries: 0 },
  },
  {
    append: { bytes: 1_024, entries: 8 },
    ...{ inflightBytesMax: 8_192, inflightMessagesMax: 8 },
    ...{ snapshotChunkBytes: 500, snapshotInflightBytes: 1_000 },
    tail: { bytes: 2_048, entries: 6 },
  },
];
const CLIENT_NAMES = ["ada", "bob", "cyd", "dan", "eve"];

export function drawPlan(seed: bigint): Plan {
  const prng = createPrng(seed).child("plan");
  const nodes = pick(prng, [1, 3, 3, 3, 3, 3, 3, 5]);
  const partitions = pick(prng, [1, 1, 2, 3]);
  const elections = 1 + prng.below(3);
  const isBeyond = prng.chance(1, 10);
  const isAtLimit = !isBeyond && prng.child("clocks").chance(1, 4);
  const drawn = drawClients(prng.child("clients"), elections, isBeyond).map((client) =>
    isAtLimit ? { ...client, driftPpm: -MOST_PPM } : client,
  );
  const named = drawNames(prng.child("names"), drawn);
  const clients = drawManners(prng.child("manners"), named);
  const safetyMs = pick(prng, SAFETY_MS);
  const watching = drawWatching(prng.child("watching"));
  const names = clients.map(({ name }) => name);
  // Of one who only looks on a fault takes nothing but its connections, which is what some runs are for.
  const others = prng.child("targets").chance(1, 4) ? ["watcher-0"] : [];
  const scene = drawSceneOfSome(prng.child("scene"), { nodes, clients: names, safetyMs });
  const hosts = { nodes, partitions, clients: [...names, ...others], safetyMs, isBeyond };
  return {
    ...{ seed, nodes, partitions, elections, clients, safetyMs, isBeyond },
    driftPpm: Array.from({ length: nodes }, () => driftPpm(prng, isBeyond)).map((ppm) =>
      // Servers count fast and clients slowly, as far as is promised to be borne.
      isAtLimit ? MOST_PPM : ppm,
    ),
    ...drawOperators(prng.child("operators"), prng.below(3), scene),
    readers: prng.below(3),
    watchers: 1 + prng.below(2),
    ...(watching === undefined ? {} : { watching }),
    paceMs: pick(prng, [30, 100, 300]),
    isEncoded: prng.chance(1, 3),
    snapshotEveryEntries: pick(prng, [8, 40, 400]),
    syncMs: pick(prng, [0, 1, 5]),
    delayMs: pick(prng, [
      { min: 0, max: 0 },
      { min: 1, max: 3 },
      { min: 5, max: 40 },
    ]),
    limits: drawLimits(prng.child("limits"), watching),
    faults: [...drawFaults(prng.child("faults"), hosts), ...(scene?.faults ?? [])].sort(
      (a, b) => a.atMs - b.atMs,
    ),
  };
}

function drawWatching(prng: Prng): WatchHabits | undefined {
  if (!prng.chance(1, 3)) return undefined;
  return { awayMs: pick(prng, [500, 2_000, 5_000]), backMax: pick(prng, [3, 12]) };
}

function drawOperators(
  prng: Prng,
  drawn: number,
  scene: Scene | undefined,
): Pick<Plan, "operators"> & { readonly sharesDesk?: boolean } {
  if (prng.chance(1, 4)) return { operators: 2, sharesDesk: true };
  return { operators: scene?.isSteered === true ? 2 : drawn };
}

function drawSceneOfSome(prng: Prng, hands: Stagehands): Scene | undefined {
  return hands.nodes >= 3 && prng.chance(1, 3) ? drawScene(prng, hands) : undefined;
}

/** Most servers live by the product's own, which short runs never reach. */
function drawLimits(prng: Prng, watching: WatchHabits | undefined): Partial<MemberLimits> {
  const [hasShortHistory, hasSmallLog, isHeldBack, isSlowToSend] = [3, 4, 8, 4].map((in_) =>
    prng.chance(1, in_),
  );
  return {
    ...(hasShortHistory || watching !== undefined
      ? { historyChangesMax: pick(prng, [1, 2, 4, 10]) }
      : {}),
    ...(hasSmallLog ? SMALL_LOG : {}),
    ...(isHeldBack
      ? { uncommittedEntriesMax: pick(prng, [2, 8]), uncommittedBytesMax: 8_192 }
      : {}),
    ...(isSlowToSend ? { flow: pick(prng, SMALL_FLOWS) } : {}),
  };
}

function drawClients(prng: Prng, elections: number, isBeyond: boolean): readonly ClientPlan[] {
  return CLIENT_NAMES.slice(0, 2 + prng.below(3)).map((name) => ({
    name,
    ttlMs: pick(prng, TTL_MS),
    graceMs: pick(prng, [0, 0, 100, 500]),
    driftPpm: driftPpm(prng, isBeyond),
    elections: 1 + prng.below(elections),
  }));
}

/**
 * Mostly each has a name of its own and waits for it. In some runs two share one, in some a process that
 * comes back takes its name from the one before it.
 */
function drawNames(prng: Prng, clients: readonly ClientPlan[]): readonly ClientPlan[] {
  const isShared = prng.chance(1, 4);
  const isTaken = prng.chance(1, isShared ? 2 : 6);
  const [first] = clients;
  return clients.map((client, i) => ({
    ...client,
    ...(isShared && (i === 1 || (i > 1 && prng.chance(1, 4))) ? { candidate: first!.name } : {}),
    ...(isTaken && prng.chance(2, 3) ? { takesOver: true } : {}),
  }));
}

/** In some runs candidates are services, and in some they show what they do. */
function drawManners(prng: Prng, clients: readonly ClientPlan[]): readonly ClientPlan[] {
  const [isServed, isShown] = [prng.chance(1, 4), prng.chance(1, 4)];
  return clients.map((client) => ({
    ...client,
    ...(isShown && prng.chance(2, 3) ? { updates: true } : {}),
    ...(isServed && prng.chance(2, 3)
      ? {
          serving: {
            drainMs: pick(prng, [0, 100, 1_000]),
            lingersMs: pick(prng, [50, 200, 800]),
          },
        }
      : {}),
  }));
}

/** Within half a percent of the truth, so that no two are more than one apart; or anywhere near it. */
function driftPpm(prng: Prng, isBeyond: boolean): number {
  const mostPpm = isBeyond ? 200_000 : MOST_PPM;
  return prng.chance(1, 2) ? 0 : prng.below(2 * mostPpm + 1) - mostPpm;
}
