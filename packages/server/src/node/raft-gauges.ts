// SPDX-License-Identifier: Apache-2.0
/** Gauges of the Raft groups that this node holds, one per partition. */

import type { Group } from "@conclave/raft";
import { Gauge, type Registry } from "prom-client";

export interface MeasuredLog {
  readonly partition: number;
  status(): Pick<ReturnType<Group["status"]>, "role" | "raftTerm" | "commitIndex" | "appliedIndex">;
}

export interface RaftGauges {
  measure(logs: readonly MeasuredLog[]): void;
}

export function createRaftGauges(registry: Registry): RaftGauges {
  const gauge = (name: string, help: string): Gauge<"partition"> =>
    new Gauge({ name, help, labelNames: ["partition"], registers: [registry] });
  const leader = gauge("raft_leader", "Whether this node leads the partition");
  const known = gauge("raft_leader_known", "Whether this node knows a leader of the partition");
  const term = gauge("raft_term", "The Raft term; an election's term is another number");
  const committed = gauge(
    "raft_commit_index",
    "How far the log is known to be durable on a quorum",
  );
  const applied = gauge("raft_applied_index", "How far the log has been applied here");
  return {
    measure(logs) {
      for (const { partition, status } of logs) {
        const labels = { partition: String(partition) };
        const { role, raftTerm, commitIndex, appliedIndex } = status();
        leader.set(labels, Number(role.kind === "leader"));
        known.set(labels, Number(role.kind === "leader" || role.leader !== undefined));
        term.set(labels, raftTerm);
        committed.set(labels, commitIndex);
        applied.set(labels, appliedIndex);
      }
    },
  };
}
