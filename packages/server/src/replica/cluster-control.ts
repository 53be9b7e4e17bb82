// SPDX-License-Identifier: Apache-2.0
/** What a node does for the cluster as a whole, put together: the care of members, and operators' wishes. */

import type { Clock, LoopWatch } from "@conclave/base";
import type { Member } from "@conclave/fsm";
import { replicaIdOf } from "@conclave/raft";
import { ClusterChanges } from "./cluster-changes.ts";
import { ClusterOperations } from "./cluster-operations.ts";
import type { ElectionNode } from "./election-node.ts";
import { createMembership } from "./membership.ts";
import type { MembershipLog } from "./membership-log.ts";
import type { PeerCalls } from "./peer-calls.ts";

export interface ClusterControlOptions {
  readonly node: ElectionNode;
  readonly incarnation: number;
  /** Of the partitions, 1 to N, in order: what `openLog` returned. */
  readonly logs: readonly MembershipLog[];
  /** The members of the first start; empty for a node that joins a running cluster. */
  readonly firstMembers: readonly Member[];
  /** The channel of operations, see `splitPeerCalls`. */
  readonly calls: PeerCalls;
  readonly clock: Clock;
  readonly loop: LoopWatch;
}

export interface ClusterControl {
  readonly operations: ClusterOperations;
  readonly logs: readonly MembershipLog[];
  /** Takes no more steps. To be called when the node begins to stop. */
  stop(): void;
}

/** Serves operations from now on, and cares for members from the loop's next tick on. */
export function createClusterControl(options: ClusterControlOptions): ClusterControl {
  const { node, logs, clock, loop } = options;
  const membership = createMembership({
    self: replicaIdOf(node.cluster.node, options.incarnation),
    logs,
    members: () => node.members(),
    firstMembers: options.firstMembers,
    propose: (command, settled) =>
      node.partition(1).submit({
        commands: [command],
        giveUpAtMs: node.giveUpAtMs(),
        mayUseReserve: true,
        settle: settled,
      }),
    loop,
  });
  const changes = new ClusterChanges({ node, logs, membership, clock });
  const operations = new ClusterOperations({ node, changes, calls: options.calls, clock });
  return { operations, logs, stop: () => membership.stop() };
}
