// SPDX-License-Identifier: Apache-2.0
/**
 * All partitions of one node behind one door: what the services call.
 *
 * It routes by the home of a name, ticks the partitions, and begins and ends watches. It knows
 * nothing of sockets, messages or disks.
 */

import { assert, type Clock, type LoopWatch, type Prng } from "@conclave/base";
import type { Member, PrimitiveKey } from "@conclave/fsm";
import type { AttachmentId } from "./deadlines.ts";
import { ForwardCalls } from "./forward-calls.ts";
import type { NodeObserver } from "./node-observer.ts";
import { PartitionReplica } from "./partition-replica.ts";
import type { PeerCalls } from "./peer-calls.ts";
import { PeerClocks } from "./peer-clocks.ts";
import type { OpenLog } from "./replicated-log.ts";
import { homeOf } from "./routing.ts";
import { serveForwarded } from "./serve-forwarded.ts";
import { type ResumePoint, Watch } from "./watch.ts";
import type { WatchTarget } from "./watch-index.ts";

/** Who this cluster is, as clients are told it. */
export interface ClusterIdentity {
  /** 32 bytes. A client pins the first that it sees. */
  readonly clusterId: Uint8Array;
  /** Fixed at the first start; the home of every name depends on it. */
  readonly partitionCount: number;
  readonly node: number;
  /** Of the software, for showing. */
  readonly version: string;
  /** How clients reach members at their addresses: what this node's own port speaks. */
  readonly urlScheme: "http" | "https";
}

/** Where a partition has its leader, as this node knows it. */
export interface PartitionLeader {
  readonly partition: number;
  readonly node: number;
}

export interface ElectionNodeOptions {
  readonly cluster: ClusterIdentity;
  readonly clock: Clock;
  /** The node's beat. Whoever composes the node starts it and, after `drained`, stops it. */
  readonly loop: LoopWatch;
  /** For numbers that other processes do not use; nothing secret is drawn from it. */
  readonly prng: Prng;
  /** How the other members are asked. This node serves their calls from now on. */
  readonly peers: PeerCalls;
  readonly observer?: NodeObserver;
  /** Changes of one partition that are kept for watches that resume. Default: the history's own. */
  readonly historyChangesMax?: number | undefined;
  /** Called once for each partition, 1 to N, before `createElectionNode` returns. */
  readonly openLog: OpenLog;
  /**
   * A partition can go on no more: its log failed, or holds what this version does not understand.
   * The process should say so and exit; until then the partition answers nothing new.
   */
  readonly failed: (detail: string) => void;
}

interface WatchRequestOptions {
  readonly target: WatchTarget;
  readonly resume: ResumePoint | undefined;
  /** For one named election that resumes: what it was at the resume point comes first. */
  readonly withBase: boolean;
  readonly ready: () => void;
}

export interface ElectionNode {
  readonly cluster: ClusterIdentity;
  readonly partitions: readonly PartitionReplica[];
  /** By its number, 1 to N. */
  partition(number: number): PartitionReplica;
  homeOf(key: PrimitiveKey): PartitionReplica;
  readonly clock: Clock;
  /**
   * When a request gives up, on the monotonic clock.
   *
   * @param timeoutMs its deadline, if it has one; without one, and at most, 5 s, which is longer
   *   than any election of a Raft leader should take (semantics A5).
   */
  giveUpAtMs(timeoutMs?: number): number;
  watch(options: WatchRequestOptions): Watch;
  unwatch(watch: Watch): void;
  /** The most changes that wait for one watcher. */
  watchLag(): number;
  /** Unique in the cluster, save by bad luck; names an Attach stream towards the partitions. */
  nextAttachmentId(): AttachmentId;
  /** The cluster's members by node, as the local replica of partition 1 has them; may be empty. */
  members(): readonly Member[];
  /** Calls `listener` whenever the list of members has changed. Returns what ends that. */
  onMembers(listener: () => void): () => void;
  /** The leaders that this node knows, by partition. */
  leaders(): readonly PartitionLeader[];
  /** Calls `listener` at the next tick when leaders or members have changed. Returns what ends that. */
  onTopology(listener: () => void): () => void;
  /** Partitions of which this node knows no leader: what `/readyz` shows. Empty when ready. */
  leaderlessPartitions(): readonly number[];
  /** Calls `listener` when the graceful stop begins, or now if it has. Returns what ends that. */
  onShutdown(listener: () => void): () => void;
  /**
   * Begins a graceful stop: new commands are refused with SHUTTING_DOWN, every stream is told why
   * and ends. Sessions live on by their TTL. Idempotent.
   */
  beginShutdown(): void;
  /**
   * Resolves when no command awaits its answer any more, which patience bounds to 5 s, and no timer
   * is left. The logs are stopped after it, by their owner.
   */
  drained(): Promise<void>;
}

/** Numbers of a node and a process begin at a place drawn by chance, so that two processes differ. */
const ATTACHMENTS_PER_NODE = 2 ** 37;
const PATIENCE_MS = 5_000;
/** How often an idle watch is told how far nothing was missed. */
const PROGRESS_EVERY_MS = 10_000;
const CLOCKS_EVERY_MS = 10_000;

/** Opens every partition. Its listeners are complete when this returns, so the engine may start. */
export function createElectionNode(options: ElectionNodeOptions): ElectionNode {
  const { cluster } = options;
  assert(cluster.clusterId.length === 32, "a cluster id has 32 bytes");
  return new OpenElectionNode(options);
}

class OpenElectionNode implements ElectionNode {
  readonly cluster: ClusterIdentity;
  readonly partitions: readonly PartitionReplica[];
  readonly clock: Clock;
  readonly #firstAttachment: number;
  readonly #calls: ForwardCalls;
  readonly #clocks: PeerClocks;
  readonly #watches = new Set<Watch>();
  readonly #shutdownListeners = new Set<() => void>();
  readonly #memberListeners = new Set<() => void>();
  readonly #topologyListeners = new Set<() => void>();
  readonly #cancelTick: () => void;
  #isShuttingDown = false;
  #hasTopologyChanged = false;
  #drained: (() => void)[] = [];
  #attachmentCount = 0;
  #nextProgressMs: number;
  #nextClocksMs = 0;

  constructor(options: ElectionNodeOptions) {
    const { cluster, clock, loop, prng, peers, observer, openLog, failed } = options;
    this.cluster = cluster;
    this.clock = clock;
    this.#clocks = new PeerClocks(clock, () => observer?.logTimeClamped());
    this.#calls = new ForwardCalls(peers, this.#clocks);
    this.#firstAttachment = prng.child("attachments").nextUint32() * 2 ** 5;
    const { partitionCount } = cluster;
    const logTimeMs = (): number => this.#clocks.logTimeMs();
    const calls = this.#calls;
    const shared = { partitionCount, clock, loop, calls, logTimeMs, observer, openLog, failed };
    this.partitions = Array.from(
      { length: partitionCount },
      (_, i) =>
        new PartitionReplica({
          ...shared,
          number: i + 1,
          historyChangesMax: options.historyChangesMax,
          prng: prng.child(`partition ${i + 1}`),
          leaderChanged: () => {
            this.#hasTopologyChanged = true;
          },
          membersChanged: () => this.#membersChanged(),
        }),
    );
    this.#nextProgressMs = clock.monotonicMs() + PROGRESS_EVERY_MS;
    this.#cancelTick = loop.onTick(() => this.#tick());
    peers.serve(
      serveForwarded({
        partition: (number) => this.partitions[number - 1],
        clocks: this.#clocks,
        monotonicMs: () => clock.monotonicMs(),
        isShuttingDown: () => this.#isShuttingDown,
      }),
    );
  }

  partition(number: number): PartitionReplica {
    const partition = this.partitions[number - 1];
    assert(partition !== undefined, "a partition is 1 to N");
    return partition;
  }

  homeOf(key: PrimitiveKey): PartitionReplica {
    return this.partition(homeOf(key.name, this.cluster.partitionCount));
  }

  giveUpAtMs(timeoutMs: number = PATIENCE_MS): number {
    return this.clock.monotonicMs() + Math.min(timeoutMs, PATIENCE_MS);
  }

  watch(request: WatchRequestOptions): Watch {
    const { target } = request;
    const partitions =
      target.kind === "prefix"
        ? this.partitions
        : this.partitions.filter((partition) => target.keys.some((key) => partition.isHomeOf(key)));
    const watch = new Watch({ ...request, partitions, giveUpAtMs: this.giveUpAtMs() });
    this.#watches.add(watch);
    if (this.#isShuttingDown) watch.end("shutting-down");
    else watch.start();
    return watch;
  }

  unwatch(watch: Watch): void {
    this.#watches.delete(watch);
    watch.close();
  }

  watchLag(): number {
    let most = 0;
    for (const watch of this.#watches) most = Math.max(most, watch.backlog);
    return most;
  }

  nextAttachmentId(): AttachmentId {
    const count = (this.#firstAttachment + ++this.#attachmentCount) % ATTACHMENTS_PER_NODE;
    return this.cluster.node * ATTACHMENTS_PER_NODE + count;
  }

  members(): readonly Member[] {
    return this.partition(1).state.members;
  }

  onMembers(listener: () => void): () => void {
    this.#memberListeners.add(listener);
    return () => this.#memberListeners.delete(listener);
  }

  leaders(): readonly PartitionLeader[] {
    return this.partitions.flatMap(({ number: partition, role }) => {
      const node = role.kind === "leader" ? this.cluster.node : role.leader;
      return node === undefined ? [] : [{ partition, node }];
    });
  }

  onTopology(listener: () => void): () => void {
    this.#topologyListeners.add(listener);
    return () => this.#topologyListeners.delete(listener);
  }

  leaderlessPartitions(): readonly number[] {
    return this.partitions
      .filter(({ role }) => role.kind === "follower" && role.leader === undefined)
      .map(({ number }) => number);
  }

  onShutdown(listener: () => void): () => void {
    if (this.#isShuttingDown) listener();
    else this.#shutdownListeners.add(listener);
    return () => this.#shutdownListeners.delete(listener);
  }

  beginShutdown(): void {
    if (this.#isShuttingDown) return;
    this.#isShuttingDown = true;
    for (const partition of this.partitions) partition.close();
    for (const watch of this.#watches) watch.end("shutting-down");
    for (const listener of this.#shutdownListeners) listener();
    this.#shutdownListeners.clear();
  }

  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained.push(resolve);
      this.#settleDrained();
    });
  }

  /** Hears the wall clocks of the other members, and lets them hear ours. */
  #compareClocks(nowMs: number): void {
    const others = this.members().filter(({ node }) => node !== this.cluster.node);
    this.#clocks.keepOnly(new Set(others.map(({ node }) => node)));
    for (const { node } of others) {
      void this.#calls.call(node, { kind: "clock" }, { giveUpAtMs: nowMs + CLOCKS_EVERY_MS });
    }
  }

  #membersChanged(): void {
    this.#hasTopologyChanged = true;
    for (const listener of this.#memberListeners) listener();
  }

  /** At the next tick: leaders of many partitions change together when a node comes or goes. */
  #tellTopology(): void {
    if (!this.#hasTopologyChanged) return;
    this.#hasTopologyChanged = false;
    for (const listener of [...this.#topologyListeners]) listener();
  }

  #settleDrained(): void {
    if (this.#drained.length === 0 || !this.partitions.every(({ isIdle }) => isIdle)) return;
    this.#cancelTick();
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #tick(): void {
    for (const partition of this.partitions) partition.tick();
    const nowMs = this.clock.monotonicMs();
    if (nowMs >= this.#nextProgressMs) {
      this.#nextProgressMs = nowMs + PROGRESS_EVERY_MS;
      for (const watch of this.#watches) watch.markProgress();
    }
    if (nowMs >= this.#nextClocksMs) {
      this.#nextClocksMs = nowMs + CLOCKS_EVERY_MS;
      this.#compareClocks(nowMs);
    }
    this.#tellTopology();
    this.#settleDrained();
  }
}
