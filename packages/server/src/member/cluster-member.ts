// SPDX-License-Identifier: Apache-2.0
/**
 * What a node consists of once it knows who it is: Raft host, partitions, the streams to the other
 * members, and the services that it offers.
 *
 * The only place where all of them meet. Each keeps its own rules; here stands who is told of what.
 */

import type { ExchangeRequest, ExchangeResponse } from "@conclave/api/peer";
import { createPrng, type LoopWatch, unreachable } from "@conclave/base";
import type { Member } from "@conclave/fsm";
import {
  createHost,
  type Group,
  type GroupStatus,
  type Host,
  replicaIdOf,
  type StartOutcome,
} from "@conclave/raft";
import type { ConnectRouter } from "@connectrpc/connect";
import { createPeerMesh, type PeerMesh } from "../peer/peer-mesh.ts";
import { splitPeerCalls } from "../replica/call-channels.ts";
import { type ClusterControl, createClusterControl } from "../replica/cluster-control.ts";
import { createElectionNode, type ElectionNode } from "../replica/election-node.ts";
import type { LogConfiguration } from "../replica/membership-log.ts";
import type { LogListener, OpenLog, ReplicatedLog } from "../replica/replicated-log.ts";
import { registerClusterService } from "../rpc/cluster-service.ts";
import { defaultDialectOptions } from "../rpc/dialect-options.ts";
import type { DialectServices } from "../rpc/dialect-service.ts";
import { createDialectServices, registerDialects } from "../rpc/dialects.ts";
import { letJoin } from "../rpc/join.ts";
import { registerNativeServices } from "../rpc/native-services.ts";
import type { JoinOutcome, JoinRequest } from "../wire/introduction.ts";
import { handOverLeaderships } from "./hand-over.ts";
import { clusterIdBytes, type NodeIdentity } from "./identity.ts";
import { failure, type MemberFailure } from "./member-failure.ts";
import { MemberList } from "./member-list.ts";
import type { MemberOptions, MemberPlatform } from "./member-platform.ts";

export interface ClusterMemberOptions {
  readonly options: MemberOptions;
  readonly platform: MemberPlatform;
  readonly identity: NodeIdentity;
  /** HOST:PORT where the other members reach this node. */
  readonly address: string;
  readonly loop: LoopWatch;
  /** What `obstacles` says may have changed. */
  readonly changed: () => void;
  /** The node can go on no more. */
  readonly failed: (failure: MemberFailure) => void;
}

/** The log of one partition, to be looked at. */
export interface PartitionLog {
  readonly partition: number;
  status(): GroupStatus;
}

export class ClusterMember {
  readonly replicas: ElectionNode;
  readonly mesh: PeerMesh;
  readonly list: MemberList;
  readonly #options: ClusterMemberOptions;
  readonly #host: Host;
  readonly #groups: Group[] = [];
  readonly #control: ClusterControl;
  readonly #dialects: DialectServices;

  constructor(options: ClusterMemberOptions) {
    this.#options = options;
    const { identity, platform, loop, address } = options;
    const { clock, chance, directory, observer, log, limits } = platform;
    const { version, urlScheme } = options.options;
    const { node, incarnation, partitionCount } = identity;
    const prng = createPrng(chance.seed());
    const clusterId = clusterIdBytes(identity);
    this.mesh = createPeerMesh({
      self: { node, incarnation, address, clusterId, version },
      clock,
      prng: prng.child("mesh"),
      dialer: platform.dialer,
      log: (text) => log("warn", text),
    });
    this.#host = createHost({
      replica: replicaIdOf(node, incarnation),
      clusterId,
      disk: directory.log(),
      clock,
      prng: prng.child("raft"),
      loop,
      transport: this.mesh,
      bootstrap: this.#firstMembers().map((member) => replicaIdOf(member.node, 0)),
      ...(limits === undefined ? {} : { limits }),
      ...(observer === undefined ? {} : { observer: observer.host }),
    });
    const calls = splitPeerCalls(this.mesh);
    const openLog: OpenLog = (partition, listener) => this.#openLog(partition, listener);
    this.replicas = createElectionNode({
      cluster: { clusterId, partitionCount, node, version, urlScheme },
      clock,
      loop,
      prng: prng.child("elections"),
      peers: calls.elections,
      ...(observer === undefined ? {} : { observer: observer.node }),
      historyChangesMax: limits?.historyChangesMax,
      openLog: platform.tapLogs?.(openLog) ?? openLog,
      // What a log holds and nobody here understands; that it failed was told before.
      failed: (detail) => options.failed(failure("damaged", detail)),
    });
    this.#dialects = createDialectServices({
      node: this.replicas,
      clock,
      dialects: options.options.dialects ?? defaultDialectOptions,
      drawSessionId: () => chance.sessionId(),
    });
    this.#control = createClusterControl({
      node: this.replicas,
      incarnation,
      logs: this.#groups,
      firstMembers: this.#firstMembers(),
      calls: calls.operations,
      clock,
      loop,
    });
    const { operations } = this.#control;
    const report = (member: Member): Promise<unknown> =>
      operations.changeMembers({ kind: "join", member }, this.replicas.giveUpAtMs());
    this.list = new MemberList({
      ...{ identity, address, loop, directory, log, changed: options.changed },
      ...{ member: this, report },
    });
  }

  /** Of the partitions, 1 to N, in order. */
  get logs(): readonly PartitionLog[] {
    return this.#groups.map((group, i) => ({ partition: i + 1, status: () => group.status() }));
  }

  configurations(): readonly LogConfiguration[] {
    return this.#groups.map((group) => group.status().configuration);
  }

  /** Partition 1 has a leader that this node reaches; one that died a moment ago is none. */
  get hasLeader(): boolean {
    const { role } = this.replicas.partition(1);
    if (role.kind === "leader") return true;
    return this.mesh.peers().some(({ node, isConnected }) => node === role.leader && isConnected);
  }

  /** The last index of partition 1 that has been applied here. */
  get appliedIndex(): number {
    return this.#groups[0]?.appliedIndex ?? 0;
  }

  /** Reads the log, and begins to talk to the others. */
  async start(): Promise<MemberFailure | undefined> {
    const outcome = await this.#host.start();
    if (outcome.kind === "refused") return refusalOf(outcome);
    this.mesh.bindHost(this.#host);
    this.list.start();
    return undefined;
  }

  /** Serves a stream of another member. */
  accept(requests: AsyncIterable<ExchangeRequest>): AsyncIterable<ExchangeResponse> {
    return this.mesh.accept(requests);
  }

  /** Has a node that asks for it put on the list of members. */
  join(request: JoinRequest): Promise<JoinOutcome> {
    const { operations } = this.#control;
    const membersAsOf = (): number => this.appliedIndex;
    return letJoin({ node: this.replicas, operations, membersAsOf }, request);
  }

  register(router: ConnectRouter): void {
    const { replicas: node, mesh } = this;
    const { clock, chance } = this.#options.platform;
    registerNativeServices(router, node, { drawSessionId: () => chance.sessionId() });
    registerDialects(router, this.#dialects);
    const { operations, logs } = this.#control;
    const neighbours = () => mesh.peers();
    registerClusterService(router, { node, logs, operations, neighbours, clock });
  }

  /** What keeps this node from serving everything. */
  obstacles(): readonly string[] {
    const leaderless = this.replicas.leaderlessPartitions();
    return [
      ...this.list.obstacles(),
      ...leaderless.map((partition) => `partition ${partition}: no leader`),
    ];
  }

  /** Gives the leaderships of this node to others, as far as they take them soon. */
  handOver(): Promise<void> {
    this.#control.stop();
    return handOverLeaderships(this.#groups, this.#options.platform.clock);
  }

  /** Answers what is under way and ends every stream. */
  async drain(): Promise<void> {
    this.#control.stop();
    this.replicas.beginShutdown();
    await this.replicas.drained();
    this.list.stop();
    await this.mesh.close();
  }

  async stop(): Promise<void> {
    await this.drain();
    await this.#host.stop();
  }

  #openLog(partition: number, listener: LogListener): ReplicatedLog {
    const { changed, failed } = this.#options;
    const group = this.#host.openGroup(partition, {
      committed: (entries) => listener.committed(entries),
      restored: (snapshot) => listener.restored(snapshot),
      roleChanged(role) {
        listener.roleChanged(role);
        changed();
      },
      snapshot: () => listener.snapshot(),
      failed(reason) {
        // First, since the partition tells of it too, without the reason.
        failed(failure(reason.kind === "damaged" ? "damaged" : "not-writable", reason.detail));
        listener.failed(reason);
      },
    });
    this.#groups.push(group);
    return group;
  }

  /** Who votes in a new group: nobody that an added node knows of. */
  #firstMembers(): readonly Member[] {
    const { identity, address } = this.#options;
    if (identity.incarnation !== 0) return [];
    if (identity.members.length === 0) return [{ node: identity.node, incarnation: 0, address }];
    return identity.members.map((member) => ({ ...member, incarnation: 0 }));
  }
}

function refusalOf(outcome: StartOutcome & { readonly kind: "refused" }): MemberFailure {
  const { reason, detail } = outcome;
  switch (reason) {
    case "locked":
    case "foreign":
    case "newer":
    case "not-writable":
    case "no-space":
    case "damaged":
      return failure(reason, detail);
    case "io":
      return failure("not-writable", detail);
    default:
      return unreachable(reason);
  }
}
