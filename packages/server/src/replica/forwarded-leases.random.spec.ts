// SPDX-License-Identifier: Apache-2.0
/**
 * Chance against leases: a session that renews, moves and loses connections at all nodes, while leaders
 * move unnoticed, replicas lag and calls are cut, held and answered to nobody.
 *
 * The one thing that must hold (semantics A2): when the session's end is applied anywhere, its client
 * has stopped believing. How long a client may believe is computed here as A2 says it.
 */

import { createPrng, type Prng } from "@conclave/base";
import { expect, test } from "vitest";
import { createMemoryCluster, type MemoryCluster } from "./memory-cluster.ts";
import type { PeerFault } from "./memory-peers.ts";
import { isOpen, open, S } from "./memory-session.ts";
import type { LeaseOutcome } from "./renewals.ts";

const SEEDS = 130;
const STEPS = 120;
const STEP_MS = 20;
const NODES = [1, 2, 3] as const;
const TTL_MS = 2_000;
const GRACE_MS = 400;
const MARGIN_MS = 0.02 * TTL_MS + 50;
/** As often as not a fault ends. */
const FAULTS: readonly (PeerFault | undefined)[] = ["cut", "lose-answers", "hold"];

interface Run {
  readonly prng: Prng;
  readonly cluster: MemoryCluster;
  readonly sentMs: Map<bigint, number>;
  /** The node that the client is attached to, and as what. */
  node: number;
  /** The one before, whose remains may still be on their way. */
  nodeBefore: number;
  attachment: number;
  believesUntilMs: number;
  lastNumber: bigint;
}

function renew(run: Run): void {
  const { cluster, sentMs, node, attachment } = run;
  const number = ++run.lastNumber;
  sentMs.set(number, cluster.clock.monotonicMs());
  const settle = (lease: LeaseOutcome): void => {
    // Answers of a connection that has ended do not get to the client.
    if (lease.kind !== "confirmed" || run.attachment !== attachment) return;
    const credited = (sentMs.get(lease.number) ?? 0) + TTL_MS - MARGIN_MS;
    run.believesUntilMs = Math.max(run.believesUntilMs, credited);
  };
  cluster.at(node).node.partition(1).renew({ sessionId: S, number, attachment, settle });
}

/** The client's connection breaks, both sides see it, and it goes to some node again. */
function moveOn(run: Run): void {
  const { cluster, prng } = run;
  const nowMs = cluster.clock.monotonicMs();
  run.believesUntilMs = Math.min(run.believesUntilMs, nowMs + GRACE_MS - MARGIN_MS);
  cluster.at(run.node).node.partition(1).disconnect(S, run.attachment);
  run.nodeBefore = run.node;
  run.node = 1 + prng.below(NODES.length);
  run.attachment = cluster.at(run.node).node.nextAttachmentId();
  renew(run);
}

function disturb({ prng, cluster, node: at, nodeBefore }: Run): void {
  const group = cluster.group(1);
  const node = 1 + prng.below(NODES.length);
  switch (prng.below(14)) {
    case 0:
      group.lead(node);
      break;
    case 1:
      group.usurp(node);
      break;
    case 2:
      group.lag(node);
      break;
    case 3:
      group.catchUp(node);
      break;
    case 4:
      group.stall();
      break;
    case 5:
    case 6:
      group.resume();
      break;
    default:
      // On the ways that the client's messages take.
      cluster.peers.fault(prng.chance(1, 2) ? at : nodeBefore, node, FAULTS[prng.below(6)]);
  }
}

/** Plays until the session has ended somewhere, or for all steps. Answers whether it has. */
async function play(run: Run): Promise<boolean> {
  const { prng, cluster } = run;
  for (let i = 0; i < STEPS; i++) {
    if (prng.chance(1, 4)) disturb(run);
    if (prng.chance(1, 12)) moveOn(run);
    if (prng.chance(1, 5)) renew(run);
    for (let left = prng.below(10); left >= 0; left--) {
      await cluster.advance(STEP_MS);
      if (NODES.some((node) => !isOpen(cluster.at(node)))) return true;
    }
  }
  return false;
}

test("nobody is told to have ended while its client may believe", async () => {
  const ends = { ended: 0, lived: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const cluster = await createMemoryCluster();
    const attachment = cluster.at(2).node.nextAttachmentId();
    const openedMs = cluster.clock.monotonicMs();
    await open(cluster.at(2), { ttlMs: TTL_MS, graceMs: GRACE_MS, attachment });
    const run: Run = {
      prng: createPrng(BigInt(seed)),
      cluster,
      sentMs: new Map(),
      node: 2,
      nodeBefore: 2,
      attachment,
      believesUntilMs: openedMs + TTL_MS - MARGIN_MS,
      lastNumber: 0n,
    };

    if (!(await play(run))) {
      ends.lived++;
      continue;
    }
    ends.ended++;
    expect(run.believesUntilMs, `seed ${seed}`).toBeLessThanOrEqual(cluster.clock.monotonicMs());
  }
  // A schedule in which nothing ends, or everything does, would show nothing.
  expect(ends.ended).toBeGreaterThan(5);
  expect(ends.lived).toBeGreaterThan(5);
});
