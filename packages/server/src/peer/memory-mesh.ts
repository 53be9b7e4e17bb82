// SPDX-License-Identifier: Apache-2.0
/** Meshes of several nodes in one process, for specs: over the memory twin, on a manual clock. */

import { createManualClock, createPrng, type ManualClock } from "@conclave/base";
import type { Member } from "@conclave/fsm";
import { type GroupMessage, type ReplicaId, replicaIdOf } from "@conclave/raft";
import { createMemoryPeers, type MemoryPeers } from "./memory-dialer.ts";
import type { PeerDialer } from "./peer-dialer.ts";
import { createPeerMesh, type PeerMesh } from "./peer-mesh.ts";

/** What a node's mesh has told, and the node's part in the network. */
export interface MeshNode {
  readonly mesh: PeerMesh;
  readonly replica: ReplicaId;
  readonly received: { readonly from: ReplicaId; readonly messages: readonly GroupMessage[] }[];
  readonly unreachable: ReplicaId[];
  readonly said: string[];
  /** Takes the messages from now on. */
  bind(): void;
  /** As the end of its process: all streams break. */
  die(): Promise<void>;
}

export interface MeshWorld {
  readonly clock: ManualClock;
  readonly network: MemoryPeers;
  /** A node that knows the members and takes messages, unless it is told to wait. */
  node(member: Member, options?: NodeOptions): MeshNode;
  /** Lets all happen that needs no time. */
  settle(): Promise<void>;
  /** Moves time on in steps, so that what needs both time and turns has both. */
  pass(ms: number): Promise<void>;
}

interface NodeOptions {
  readonly members?: readonly Member[];
  readonly asOf?: number;
  readonly clusterId?: Uint8Array;
  readonly isBound?: boolean;
  readonly dialer?: (dialer: PeerDialer) => PeerDialer;
}

export const CLUSTER_ID: Uint8Array = new Uint8Array(32).fill(7);

/** A member at its own address, of the first start. */
export function memberOf(node: number, incarnation = 0): Member {
  return { node, incarnation, address: `node-${node}:7400` };
}

export function createMeshWorld(): MeshWorld {
  const clock = createManualClock();
  const network = createMemoryPeers(clock);
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 200; turn++) await Promise.resolve();
  };
  return {
    clock,
    network,
    settle,
    node: (member, options = {}) => createNode(clock, network, member, options),
    async pass(ms) {
      for (let passed = 0; passed < ms; passed += 50) {
        clock.advance(Math.min(50, ms - passed));
        await settle();
      }
    },
  };
}

function createNode(
  clock: ManualClock,
  network: MemoryPeers,
  member: Member,
  options: NodeOptions,
): MeshNode {
  const said: string[] = [];
  const received: { from: ReplicaId; messages: readonly GroupMessage[] }[] = [];
  const unreachable: ReplicaId[] = [];
  const plain = network.dialer(member.address);
  const mesh = createPeerMesh({
    self: { ...member, clusterId: options.clusterId ?? CLUSTER_ID, version: "1.0.0" },
    clock,
    prng: createPrng(BigInt(member.node)),
    dialer: options.dialer?.(plain) ?? plain,
    log: (text) => said.push(text),
  });
  const stopListening = network.listen(member.address, {
    accept: (requests) => mesh.accept(requests),
  });
  const bind = (): void =>
    mesh.bindHost({
      receive: (from, messages) => received.push({ from, messages }),
      unreachable: (replica) => unreachable.push(replica),
    });
  mesh.serve((_from, request) => Promise.resolve(request));
  if (options.isBound !== false) bind();
  mesh.setMembers(options.members ?? [1, 2, 3].map((node) => memberOf(node)), options.asOf ?? 0);
  return {
    ...{ mesh, received, unreachable, said, bind },
    replica: replicaIdOf(member.node, member.incarnation),
    async die() {
      stopListening();
      await mesh.close();
    },
  };
}
