// SPDX-License-Identifier: Apache-2.0
/** Three nodes in memory that ask each other what each of them knows; node 1 leads at first. */

import { ClusterService } from "@conclave/api/cluster";
import type { Command } from "@conclave/fsm";
import { type Client, createClient, createRouterTransport } from "@connectrpc/connect";
import { ClusterOperations } from "../replica/cluster-operations.ts";
import type { MembershipLog } from "../replica/membership-log.ts";
import { createMemoryCluster, type MemoryCluster } from "../replica/memory-cluster.ts";
import { settled } from "../replica/memory-node.ts";
import { MemoryPeers } from "../replica/memory-peers.ts";
import { registerClusterService } from "./cluster-service.ts";
import type { StatusSource } from "./cluster-status.ts";
import { createMemoryClient } from "./memory-client.ts";

const PARTITIONS = 2;
const NODES = [1, 2, 3];

interface QuestionWorld extends MemoryCluster {
  /** The ways between nodes by which they ask each other. */
  readonly ways: MemoryPeers;
  /** Nodes to which the others have no connection, as they know. */
  readonly gone: Set<number>;
  admin(node: number): Client<typeof ClusterService>;
  open(sessionId: bigint, more?: object): Promise<void>;
  /** Registers sessions 1 to `count` at partition 1, all at once. */
  openMany(count: number): Promise<void>;
}

export async function createQuestionWorld(): Promise<QuestionWorld> {
  const cluster = await createMemoryCluster(PARTITIONS);
  const ways = new MemoryPeers(cluster.clock);
  const gone = new Set<number>();
  const neighbours = () =>
    NODES.map((node) => ({ node, isConnected: !gone.has(node), version: "" }));
  const admins = NODES.map((number) => adminOf(cluster, ways, number, neighbours));
  const members = NODES.map((node) => ({ node, incarnation: 0, address: `n${node}:7400` }));
  const run = async (commands: readonly Command[]): Promise<void> => {
    const { node } = cluster.at(1);
    const giveUpAtMs = node.giveUpAtMs();
    node.partition(1).submit({ commands, giveUpAtMs, mayUseReserve: true, settle: () => {} });
    await settled();
  };
  await run([{ kind: "set-first-members", members }]);
  const { sessions } = createMemoryClient(cluster.at(1).node);
  return {
    ...cluster,
    ways,
    gone,
    admin: (node) => admins[node - 1]!,
    open: async (sessionId, more = {}) => void (await sessions.openSession({ sessionId, ...more })),
    openMany: (count) => {
      const terms = { ttlMs: 60_000, graceMs: 0, labels: new Map<string, string>() };
      return run(
        Array.from({ length: count }, (_, i) => ({
          ...{ kind: "open-session" as const, sessionId: BigInt(i + 1) },
          ...terms,
        })),
      );
    },
  };
}

function adminOf(
  cluster: MemoryCluster,
  ways: MemoryPeers,
  number: number,
  neighbours: StatusSource["neighbours"],
) {
  const { node } = cluster.at(number);
  const { clock } = cluster;
  const changes = { perform: () => Promise.resolve({ kind: "unknown" } as const) };
  const operations = new ClusterOperations({ node, changes, calls: ways.of(number), clock });
  const logs = node.partitions.map((partition) => logOf(partition));
  const transport = createRouterTransport((router) =>
    registerClusterService(router, { node, logs, clock, operations, neighbours }),
  );
  return createClient(ClusterService, transport);
}

function logOf(partition: { readonly role: MembershipLog["role"] }): MembershipLog {
  return {
    get role() {
      return partition.role;
    },
    status: () => ({
      ...{ raftTerm: 1, commitIndex: 1, appliedIndex: 1, lastIndex: 1, peers: [] },
      configuration: { voters: [], outgoing: [], learners: [] },
    }),
    hold: () => () => {},
    changeConfiguration: () => Promise.reject(new Error("not asked for here")),
    transfer: () => {},
  };
}

/** Waits for a call while time goes on. */
export async function during<T>(cluster: MemoryCluster, call: Promise<T>): Promise<T> {
  let isDone = false;
  const done = call.finally(() => {
    isDone = true;
  });
  done.catch(() => {});
  await settled();
  for (let i = 0; i < 400 && !isDone; i++) await cluster.advance(20);
  return await done;
}
