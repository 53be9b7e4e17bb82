// SPDX-License-Identifier: Apache-2.0
/** A node on in-memory logs and a clock that stands still until told: what specs and examples drive. */

import { assert, createManualClock, createPrng, LoopWatch, type ManualClock } from "@conclave/base";
import { type ClusterIdentity, createElectionNode, type ElectionNode } from "./election-node.ts";
import { MemoryLog } from "./memory-log.ts";
import { noPeers } from "./peer-calls.ts";

export interface MemoryNode {
  readonly node: ElectionNode;
  readonly clock: ManualClock;
  readonly loop: LoopWatch;
  /** The log of a partition, 1 to N. */
  log(partition: number): MemoryLog;
  /** What made partitions fail. */
  readonly failures: readonly string[];
  /** Moves time on in steps of the loop's tick, and lets everything that follows happen. */
  advance(ms: number): Promise<void>;
}

/** A node that leads all its partitions in raftTerm 1. */
export function createMemoryNode(partitionCount = 1): MemoryNode {
  const clock = createManualClock();
  const loop = new LoopWatch(clock);
  const logs: MemoryLog[] = [];
  const failures: string[] = [];
  const node = createElectionNode({
    cluster: memoryIdentity(1, partitionCount),
    clock,
    loop,
    prng: createPrng(1n),
    peers: noPeers,
    openLog: (_partition, listener) => {
      const log = new MemoryLog(listener);
      logs.push(log);
      return log;
    },
    failed: (detail) => failures.push(detail),
  });
  for (const log of logs) log.lead();
  loop.start();
  return {
    node,
    clock,
    loop,
    failures,
    log(partition) {
      const log = logs[partition - 1];
      assert(log !== undefined, "a partition is 1 to N");
      return log;
    },
    advance: (ms) => stepThrough(clock, ms),
  };
}

/** Of a node of the cluster that all memory nodes belong to. */
export function memoryIdentity(node: number, partitionCount: number): ClusterIdentity {
  const clusterId = new Uint8Array(32).fill(7);
  return { clusterId, partitionCount, node, version: "0", urlScheme: "http" };
}

const STEP_MS = 20;
/** Enough for a replica to judge, propose and apply; calls over a transport take more. */
const STEP_TURNS = 30;
const CALL_TURNS = 300;

/** Moves time on in steps of the loop's tick, and lets everything that follows happen. */
export async function stepThrough(clock: ManualClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= STEP_MS) {
    clock.advance(Math.min(STEP_MS, left));
    await turns(STEP_TURNS);
  }
  await settled();
}

/** Resolves when everything that has been set going without a timer has happened. */
export function settled(): Promise<void> {
  return turns(CALL_TURNS);
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}
