// SPDX-License-Identifier: Apache-2.0
/**
 * All partitions of one node behind one door: what the services call.
 */

import type { Clock } from "@conclave/base";
import type { OpenLog } from "./replicated-log.ts";

/** Who this cluster is, as clients are told it. */
export interface ClusterIdentity {
  /** 32 bytes. A client pins the first that it sees. */
  readonly clusterId: Uint8Array;
  /** Fixed at the first start; the home of every name depends on it. */
  readonly partitionCount: number;
  readonly node: number;
  /** Of the software, for showing. */
  readonly version: string;
}

export interface ElectionNodeOptions {
  readonly cluster: ClusterIdentity;
  readonly clock: Clock;
  /** Called once for each partition, 1 to N, before `createElectionNode` returns. */
  readonly openLog: OpenLog;
}

export interface ElectionNode {
  readonly cluster: ClusterIdentity;
  /** Partitions of which this node knows no leader: what `/readyz` shows. Empty when ready. */
  leaderlessPartitions(): readonly number[];
  /**
   * Begins a graceful stop: new commands are refused with SHUTTING_DOWN, every stream is told why
   * and ends. Sessions live on by their TTL. Idempotent.
   */
  beginShutdown(): void;
  /** Resolves when no command awaits its answer any more. The logs are stopped after it, by their owner. */
  drained(): Promise<void>;
}

/** Opens every partition. Its `LogListener`s are complete when this returns, so the engine may start. */
export function createElectionNode(_options: ElectionNodeOptions): ElectionNode {
  throw new Error("not written yet");
}
