// SPDX-License-Identifier: Apache-2.0
/**
 * Several nodes on in-memory logs and calls, and one clock that stands still until told.
 *
 * Wall clocks are each node's own. Who leads is said by the specs; node 1 leads everything at first.
 */

import { assert, createManualClock, createPrng, LoopWatch, type ManualClock } from "@conclave/base";
import { createElectionNode, type ElectionNode } from "./election-node.ts";
import { MemoryGroup } from "./memory-group.ts";
import { memoryIdentity, settled, stepThrough } from "./memory-node.ts";
import { MemoryPeers } from "./memory-peers.ts";
import type { NodeObserver } from "./node-observer.ts";

export interface MemoryCluster {
  readonly clock: ManualClock;
  readonly peers: MemoryPeers;
  /** A node by its number, from 1, as `MemoryNode` has its own. */
  at(node: number): { readonly node: ElectionNode };
  /** The log of a partition, 1 to N. */
  group(partition: number): MemoryGroup;
  /** Sets a node's wall clock off by so much. */
  skewWall(node: number, ms: number): void;
  /** How often a node held a log time back. */
  clampedTimes(node: number): number;
  /** What made partitions fail. */
  readonly failures: readonly string[];
  /** Moves time on, and lets everything that follows happen. */
  advance(ms: number): Promise<void>;
}

const NODE_COUNT = 3;

/** Three nodes that are level with each other; node 1 leads all partitions. */
export async function createMemoryCluster(partitionCount = 1): Promise<MemoryCluster> {
  const clock = createManualClock();
  const peers = new MemoryPeers(clock);
  const groups = Array.from({ length: partitionCount }, () => new MemoryGroup());
  const failures: string[] = [];
  const skews = new Map<number, number>();
  const clamped = new Map<number, number>();
  const nodes = Array.from({ length: NODE_COUNT }, (_, i) => {
    const number = i + 1;
    const wallMs = (): number => clock.wallMs() + (skews.get(number) ?? 0);
    const loop = new LoopWatch(clock);
    loop.start();
    return createElectionNode({
      cluster: memoryIdentity(number, partitionCount),
      clock: {
        monotonicMs: () => clock.monotonicMs(),
        wallMs,
        setTimer: (delayMs, fire) => clock.setTimer(delayMs, fire),
      },
      loop,
      prng: createPrng(BigInt(number)),
      peers: peers.of(number),
      observer: {
        ...silent,
        logTimeClamped: () => clamped.set(number, (clamped.get(number) ?? 0) + 1),
      },
      openLog: (partition, listener) => groupOf(groups, partition).open(number, listener),
      failed: (detail) => failures.push(detail),
    });
  });
  for (const group of groups) group.lead(1);
  await settled();
  // How they got level is nobody's business.
  peers.calls.length = 0;
  return {
    clock,
    peers,
    failures,
    at(number) {
      const node = nodes[number - 1];
      assert(node !== undefined, "a node is 1 to 3");
      return { node };
    },
    group: (partition) => groupOf(groups, partition),
    skewWall: (node, ms) => void skews.set(node, ms),
    clampedTimes: (node) => clamped.get(node) ?? 0,
    advance: (ms) => stepThrough(clock, ms),
  };
}

const silent: NodeObserver = {
  roundEnded: () => {},
  renewed: () => {},
  changed: () => {},
  submitted: () => {},
  logTimeClamped: () => {},
};

function groupOf(groups: readonly MemoryGroup[], partition: number): MemoryGroup {
  const group = groups[partition - 1];
  assert(group !== undefined, "a partition is 1 to N");
  return group;
}
