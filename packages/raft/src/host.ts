// SPDX-License-Identifier: Apache-2.0
/**
 * Many Raft groups on one store and one loop: events in, effects out, and one write and one sync for
 * all records of a turn. While a sync is under way the next batch gathers.
 *
 * The only timers are those of the clock that it is given, so the simulator drives it as it is.
 */

import {
  assert,
  type CancelTimer,
  type Clock,
  type LoopWatch,
  type Prng,
  TICK_MS,
} from "@conclave/base";
import type { CoreConfig } from "./core/config.ts";
import type { RaftMessage } from "./core/message.ts";
import type { Group, GroupListener, HostFailure } from "./group.ts";
import { DiskRoom } from "./host/disk-room.ts";
import { GroupRuntime } from "./host/group-runtime.ts";
import { DEFAULT_LIMITS, type HostLimits } from "./host/limits.ts";
import { Outbox } from "./host/outbox.ts";
import type { GroupServices, LoopMember } from "./host/services.ts";
import { refusalOf, type StartOutcome } from "./host/start-refusal.ts";
import { bytesOf, WriteQueue } from "./host/write-queue.ts";
import type { GroupId, ReplicaId } from "./ids.ts";
import type { Disk } from "./store/disk.ts";
import type { LogRecord } from "./store/log-record.ts";
import { type LogStore, openStore } from "./store/log-store.ts";
import type { GroupMessage, Transport } from "./transport.ts";

/** Called from the loop; must not throw. For metrics. */
export interface HostObserver {
  /** One durable write for all groups' records of a turn. */
  synced(sync: {
    readonly records: number;
    readonly bytes: number;
    readonly durationMs: number;
  }): void;
}

export interface HostOptions {
  /** Who this is: the node, and the incarnation of its directory. */
  readonly replica: ReplicaId;
  /** 32 bytes; stands in every file, and a directory that holds another one is refused. */
  readonly clusterId: Uint8Array;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly prng: Prng;
  /** The node's beat; started and stopped by whoever composes the node. */
  readonly loop: LoopWatch;
  readonly transport: Transport;
  /**
   * Who votes in a group of which the directory holds no snapshot yet; the same at every start of a
   * node that was there from the beginning. Empty: this one waits to be added by a leader.
   */
  readonly bootstrap: readonly ReplicaId[];
  readonly limits?: Partial<HostLimits>;
  readonly observer?: HostObserver;
}

export interface Host {
  /** All groups are opened before `start`. */
  openGroup(id: GroupId, listener: GroupListener): Group;
  /** Reads the disk, calls `restored` of every group that has a snapshot, and begins elections. */
  start(): Promise<StartOutcome>;
  /** Takes a frame of another replica; what it says of groups that are not here is ignored. */
  receive(from: ReplicaId, messages: readonly GroupMessage[]): void;
  /** The transport lost or dropped messages to that replica, or cannot reach it. */
  unreachable(replica: ReplicaId): void;
  /** Takes no more, finishes what is under way, and gives the directory back. */
  stop(): Promise<void>;
}

/** A host over one disk. Nothing happens before `start`. */
export function createHost(options: HostOptions): Host {
  return new RaftHost(options);
}

/** In beats of the loop: heartbeats of 50 ms, election timeouts of 300 to 600 ms (design section 8). */
const HEARTBEAT_TICKS = 2;
const ELECTION_TICKS = { min: 12, max: 24 };
/**
 * A leader whose disk takes longer for one sync than any follower waits for a leader hands over: it
 * still sends heartbeats, so nobody else would ever take its place.
 */
const STALLED_MS: number = 2 * ELECTION_TICKS.max * TICK_MS;
/** How often a node whose disk is full or stalled tries to hand its leaderships over. */
const STEP_ASIDE_EVERY_MS = 1_000;
/**
 * Above so many log files, the groups that keep the oldest one alive are asked for snapshots; above
 * the second bound they may keep no entries behind them for slow followers either.
 */
const SEGMENT_BOUNDS = [
  [4, true],
  [8, false],
] as const;
/** The log counts as idle after so long without a write; then the mark is synced. */
const IDLE_MS = 100;
/** Under constant load the mark is synced this often, so that rot is told from a torn tail. */
const SETTLE_EVERY_MS = 5_000;

class RaftHost implements Host, GroupServices {
  readonly clock: Clock;
  readonly bootstrap: readonly ReplicaId[];
  readonly limits: HostLimits;
  readonly #options: HostOptions;
  readonly #groups = new Map<GroupId, GroupRuntime>();
  readonly #queue = new WriteQueue();
  readonly #outbox: Outbox;
  #awake = new Set<LoopMember>();
  #store: LogStore | undefined;
  #room: DiskRoom | undefined;
  #starting: Promise<StartOutcome> | undefined;
  #phase: "new" | "running" | "stopping" | "stopped" = "new";
  #isTurnDue = false;
  #beats = 0;
  #isHeartbeatDue = false;
  #writing: { readonly bytes: number; readonly startMs: number } | undefined;
  #written: Promise<void> = Promise.resolve();
  #snapshotting: Promise<void> = Promise.resolve();
  #settledMs = 0;
  #steppedAsideMs = Number.NEGATIVE_INFINITY;
  #endBeat: () => void = () => {};
  #cancelIdle: CancelTimer = () => {};

  constructor(options: HostOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.bootstrap = options.bootstrap;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#outbox = new Outbox(options.transport);
    const { segmentBytes, entryBytesMax } = this.limits;
    assert(entryBytesMax * 2 <= segmentBytes, "an entry is at most half a segment");
  }

  openGroup(id: GroupId, listener: GroupListener): Group {
    assert(this.#phase === "new", "groups are opened before start");
    assert(!this.#groups.has(id), "a group is opened once");
    const group = new GroupRuntime(id, listener, this);
    this.#groups.set(id, group);
    return group;
  }

  start(): Promise<StartOutcome> {
    assert(this.#phase === "new" && this.#starting === undefined, "a host is started once");
    this.#starting = this.#start();
    return this.#starting;
  }

  async #start(): Promise<StartOutcome> {
    const { disk, clusterId, loop } = this.#options;
    const { segmentBytes, recoveryCacheBytesMax } = this.limits;
    const opened = await openStore({ disk, clusterId, segmentBytes, recoveryCacheBytesMax });
    if (opened.kind !== "opened") {
      this.#phase = "stopped";
      return refusalOf(opened);
    }
    const { store } = opened;
    const stranger = [...store.groups].find((group) => !this.#groups.has(group));
    if (stranger !== undefined) {
      this.#phase = "stopped";
      await store.close();
      const detail = `the directory holds group ${stranger}, which is not of this node`;
      return { kind: "refused", reason: "foreign", detail };
    }
    this.#store = store;
    this.#room = new DiskRoom({
      store,
      clock: this.clock,
      unwrittenBytes: () => this.#queue.bytes + (this.#writing?.bytes ?? 0),
      freed: () => this.#scheduleTurn(),
      failed: (detail) => this.fail({ kind: "disk-failed", detail }),
    });
    this.#phase = "running";
    this.#settledMs = this.clock.monotonicMs();
    for (const group of this.#groups.values()) group.begin(store);
    this.#endBeat = loop.onBeat(() => this.#beat());
    return { kind: "started" };
  }

  async stop(): Promise<void> {
    await this.#starting;
    if (this.#phase === "new") this.#phase = "stopped";
    if (this.#phase === "running") this.#phase = "stopping";
    this.#endBeat();
    while (this.#isTurnDue || this.#writing !== undefined) {
      await (this.#writing === undefined ? nextTurn() : this.#written);
    }
    for (const group of this.#groups.values()) await group.stop();
    await this.#snapshotting;
    this.#end(undefined);
    const store = this.#store;
    this.#store = undefined;
    await store?.close();
  }

  receive(from: ReplicaId, messages: readonly GroupMessage[]): void {
    if (this.#phase !== "running") return;
    for (const { group, message } of messages) {
      if (this.#mayTake(message)) this.#groups.get(group)?.receive(from, message);
    }
  }

  unreachable(replica: ReplicaId): void {
    if (this.#phase !== "running") return;
    for (const group of this.#groups.values()) group.post({ kind: "unreachable", replica });
  }

  core(group: GroupId): { readonly config: CoreConfig; readonly prng: Prng } {
    const { replica, prng } = this.#options;
    const { uncommittedBytesMax, uncommittedEntriesMax, flow } = this.limits;
    const config: CoreConfig = {
      replica,
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: HEARTBEAT_TICKS,
      uncommittedBytesMax,
      uncommittedEntriesMax,
      flow,
    };
    return { config, prng: prng.child(`group ${group}`) };
  }

  isOpen(): boolean {
    return this.#phase === "running";
  }

  isRunning(): boolean {
    return this.#phase === "running" || this.#phase === "stopping";
  }

  isWriting(): boolean {
    return this.#writing !== undefined;
  }

  wake(member: LoopMember): void {
    if (!this.isRunning()) return;
    this.#awake.add(member);
    this.#scheduleTurn();
  }

  send(to: ReplicaId, group: GroupId, message: RaftMessage): void {
    if (!this.isRunning()) return;
    this.#outbox.add(to, group, message);
    this.#scheduleTurn();
  }

  persist(records: readonly LogRecord[], whenDurable: () => void): void {
    this.#queue.add(records, whenDurable);
    this.#scheduleTurn();
  }

  snapshot(member: LoopMember): void {
    this.#snapshotting = this.#snapshotting.then(() => {
      return this.isRunning() ? member.saveSnapshot() : undefined;
    });
  }

  room(): DiskRoom {
    assert(this.#room !== undefined, "S1: proposals are taken by an open store");
    return this.#room;
  }

  fail(failure: HostFailure): void {
    if (this.isRunning()) this.#end(failure);
  }

  /** A node without room for a leader's entries does not become one at another's wish. */
  #mayTake(message: RaftMessage): boolean {
    return message.kind !== "timeout-now" || this.#room?.isShort !== true;
  }

  #scheduleTurn(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    void nextTurn().then(() => this.#turn());
  }

  #beat(): void {
    for (const group of this.#groups.values()) group.beat();
    this.#store?.writeMark();
    // All groups' at the same beat, whichever of them each group counts for its own.
    this.#isHeartbeatDue = ++this.#beats % HEARTBEAT_TICKS === 0;
    if (this.#isHeartbeatDue) this.#scheduleTurn();
    const nowMs = this.clock.monotonicMs();
    const isStalled = this.#writing !== undefined && nowMs - this.#writing.startMs > STALLED_MS;
    if (!isStalled && this.#room?.isShort !== true) return;
    if (nowMs - this.#steppedAsideMs < STEP_ASIDE_EVERY_MS) return;
    this.#steppedAsideMs = nowMs;
    for (const group of this.#groups.values()) group.stepAside();
  }

  /** One turn of the loop: all that has gathered, then one frame for each replica, and one write. */
  #turn(): void {
    this.#isTurnDue = false;
    if (!this.isRunning()) return;
    const awake = this.#awake;
    this.#awake = new Set();
    for (const member of awake) member.turn();
    // Before the write: followers make durable what this node is making durable (thesis 10.2.1).
    this.#outbox.flush(this.#isHeartbeatDue);
    this.#isHeartbeatDue = false;
    if (this.#writing === undefined && !this.#queue.isEmpty && !this.room().isWaiting) {
      this.#cancelIdle();
      this.#written = this.#write();
    }
  }

  async #write(): Promise<void> {
    const store = this.#store;
    assert(store !== undefined, "S1: a store is open while it is written to");
    const startMs = this.clock.monotonicMs();
    this.#writing = { bytes: this.#queue.bytes, startMs };
    const batch = this.#queue.take();
    const outcome = await store.append(batch.records);
    this.#writing = undefined;
    if (outcome.kind === "failed") {
      this.fail({ kind: "disk-failed", detail: outcome.detail });
      return;
    }
    const count = outcome.kind === "synced" ? batch.records.length : outcome.synced;
    if (count > 0) {
      const durationMs = this.clock.monotonicMs() - startMs;
      const bytes = bytesOf(batch.records.slice(0, count));
      this.#options.observer?.synced({ records: count, bytes, durationMs });
    }
    const left = batch.synced(count);
    if (outcome.kind === "no-space") {
      this.#queue.putBack(left);
      this.room().wait();
    }
    this.room().watch();
    this.#afterWrite(store);
  }

  #afterWrite(store: LogStore): void {
    this.#shortenLog(store);
    for (const group of this.#groups.values()) if (group.hasGathered) this.wake(group);
    if (!this.#queue.isEmpty) this.#scheduleTurn();
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#settledMs >= SETTLE_EVERY_MS) this.#settle(store);
    this.#cancelIdle();
    this.#cancelIdle = this.clock.setTimer(IDLE_MS, () => {
      if (this.isRunning() && this.#writing === undefined) this.#settle(store);
    });
  }

  /** Asks those groups for snapshots that keep old log files alive. */
  #shortenLog(store: LogStore): void {
    for (const [segmentsMax, mayKeepTail] of SEGMENT_BOUNDS) {
      for (const id of store.groupsPinning(segmentsMax)) {
        this.#groups.get(id)?.requestSnapshot({ mayKeepTail });
      }
    }
  }

  #settle(store: LogStore): void {
    this.#settledMs = this.clock.monotonicMs();
    void store.settle();
  }

  #end(failure: HostFailure | undefined): void {
    this.#phase = "stopped";
    this.#endBeat();
    this.#cancelIdle();
    this.#room?.end();
    for (const group of this.#groups.values()) group.end(failure);
  }
}

/** A turn begins when the code that woke the loop has run to its end. */
function nextTurn(): Promise<void> {
  return Promise.resolve();
}
