// SPDX-License-Identifier: Apache-2.0
/**
 * Many Raft groups on one store and one loop: events in, effects out, and one write and one sync for
 * all records of a turn. While a sync is under way the next batch gathers.
 *
 * The only timers are those of the clock that it is given, so the simulator drives it as it is.
 */

import { assert, type CancelTimer, type Clock, type Prng } from "@conclave/base";
import type { CoreConfig } from "./core/state.ts";
import type { Group, GroupListener, HostFailure } from "./group.ts";
import { GroupRuntime } from "./host/group-runtime.ts";
import type { GroupServices, LoopMember } from "./host/services.ts";
import { WriteQueue } from "./host/write-queue.ts";
import type { GroupId, NodeId } from "./ids.ts";
import type { Disk } from "./store/disk.ts";
import type { Refused, Rotten } from "./store/finding.ts";
import { ENTRY_PREFIX_BYTES, type LogRecord, recordBytesOf } from "./store/log-record.ts";
import { type LogStore, openStore } from "./store/log-store.ts";
import { FRAME_BYTES } from "./store/record.ts";

/** Called from the loop; must not throw. For metrics. */
export interface HostObserver {
  /** One write and one datasync for all groups' records of a turn. */
  synced(sync: {
    readonly records: number;
    readonly bytes: number;
    readonly durationMs: number;
  }): void;
}

export interface HostLimits {
  /** Size of one preallocated log file. Default 16 MiB. */
  readonly segmentBytes: number;
  /** The largest entry that is taken. Default 2 MiB. */
  readonly entryBytesMax: number;
  /** Bytes and entries of one group that may wait for their commit. Default 8 MiB, 16,384. */
  readonly uncommittedBytesMax: number;
  readonly uncommittedEntriesMax: number;
  /** A group is asked for a snapshot when its log has grown by this much. Default 16 MiB, 65,536. */
  readonly snapshotEveryBytes: number;
  readonly snapshotEveryEntries: number;
  /** Entries found at the start that are kept in memory until applied. Default 64 MiB. */
  readonly recoveryCacheBytesMax: number;
}

export interface HostOptions {
  readonly node: NodeId;
  /** 32 bytes; stands in every file, and a directory that holds another one is refused. */
  readonly clusterId: Uint8Array;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly limits?: Partial<HostLimits>;
  readonly observer?: HostObserver;
}

/**
 * - `locked`: another process has the directory.
 * - `foreign`: it belongs to another cluster, or holds groups that were not opened.
 * - `newer`: its format is of a later version.
 * - `not-writable`, `no-space`, `io`: the disk's answer.
 * - `damaged`: what was acknowledged does not verify; the detail says which bytes.
 */
export type StartRefusal =
  | "locked"
  | "foreign"
  | "newer"
  | "not-writable"
  | "no-space"
  | "io"
  | "damaged";

export type StartOutcome =
  | { readonly kind: "started" }
  | { readonly kind: "refused"; readonly reason: StartRefusal; readonly detail: string };

export interface Host {
  /** All groups are opened before `start`. */
  openGroup(id: GroupId, listener: GroupListener): Group;
  /** Reads the disk, calls `restored` of every group that has a snapshot, and begins elections. */
  start(): Promise<StartOutcome>;
  /** Takes no more, finishes what is under way, and gives the directory back. */
  stop(): Promise<void>;
}

/** A host over one disk. Nothing happens before `start`. */
export function createHost(options: HostOptions): Host {
  return new RaftHost(options);
}

const DEFAULT_LIMITS: HostLimits = {
  segmentBytes: 16 * 1024 * 1024,
  entryBytesMax: 2 * 1024 * 1024,
  uncommittedBytesMax: 8 * 1024 * 1024,
  uncommittedEntriesMax: 16_384,
  snapshotEveryBytes: 16 * 1024 * 1024,
  snapshotEveryEntries: 65_536,
  recoveryCacheBytesMax: 64 * 1024 * 1024,
};

/** In beats of the loop: 300 to 600 ms, and 50 ms. */
const ELECTION_TICKS = { min: 12, max: 24 };
const HEARTBEAT_TICKS = 2;
/** Above this many log files, the groups that keep the oldest one alive are asked for snapshots. */
const SEGMENTS_MAX = 4;
/** The log counts as idle after so long without a write; then the mark is synced. */
const IDLE_MS = 100;
const SPACE_PROBE_MS = 1_000;
/** What a record of an entry takes on disk beside its bytes. */
const RECORD_OVERHEAD_BYTES: number = FRAME_BYTES + ENTRY_PREFIX_BYTES;

class RaftHost implements Host, GroupServices {
  readonly clock: Clock;
  readonly limits: HostLimits;
  readonly #options: HostOptions;
  readonly #groups = new Map<GroupId, GroupRuntime>();
  readonly #queue = new WriteQueue();
  #awake = new Set<LoopMember>();
  #store: LogStore | undefined;
  #starting: Promise<StartOutcome> | undefined;
  #phase: "new" | "running" | "stopping" | "stopped" = "new";
  #isTurnDue = false;
  #writing: Promise<void> | undefined;
  #isWaitingForSpace = false;
  #snapshotting: Promise<void> = Promise.resolve();
  /** Bytes of proposals that are taken and not yet durable. */
  #admittedBytes = 0;
  #cancelIdle: CancelTimer = () => {};
  #cancelProbe: CancelTimer | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
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
    const { disk, clusterId } = this.#options;
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
    this.#phase = "running";
    for (const group of this.#groups.values()) group.begin(store);
    return { kind: "started" };
  }

  async stop(): Promise<void> {
    await this.#starting;
    if (this.#phase === "new") this.#phase = "stopped";
    if (this.#phase === "running") this.#phase = "stopping";
    while (this.#isTurnDue || this.#writing !== undefined) await (this.#writing ?? nextTurn());
    for (const group of this.#groups.values()) await group.quiet();
    await this.#snapshotting;
    this.#end(undefined);
    const store = this.#store;
    this.#store = undefined;
    await store?.close();
  }

  core(group: GroupId): { readonly config: CoreConfig; readonly prng: Prng } {
    const { node, prng } = this.#options;
    const { uncommittedBytesMax, uncommittedEntriesMax } = this.limits;
    const config = {
      replica: node,
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: HEARTBEAT_TICKS,
      uncommittedBytesMax,
      uncommittedEntriesMax,
    };
    return { config, prng: prng.child(`group ${group}`) };
  }

  isOpen(): boolean {
    return this.#phase === "running";
  }

  isRunning(): boolean {
    return this.#phase === "running" || this.#phase === "stopping";
  }

  wake(member: LoopMember): void {
    if (!this.isRunning()) return;
    this.#awake.add(member);
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    void nextTurn().then(() => this.#turn());
  }

  persist(records: readonly LogRecord[], whenDurable: () => void): void {
    this.#queue.add(records, whenDurable);
  }

  snapshot(member: LoopMember): void {
    this.#snapshotting = this.#snapshotting.then(() => {
      return this.isRunning() ? member.saveSnapshot() : undefined;
    });
  }

  refusalForSpace(bytes: number, mayUseReserve: boolean): "no-space" | "overloaded" | undefined {
    const store = this.#store;
    assert(store !== undefined, "S1: proposals are taken by an open store");
    const isShort = store.isShortOfSpace || this.#isWaitingForSpace;
    if (isShort) this.#watchSpace();
    if (isShort && !mayUseReserve) return "no-space";
    const needed = this.#admittedBytes + bytes + RECORD_OVERHEAD_BYTES;
    if (needed <= store.roomBytes) return undefined;
    return isShort ? "no-space" : "overloaded";
  }

  admit(bytes: number): void {
    this.#admittedBytes += bytes + RECORD_OVERHEAD_BYTES;
  }

  release(bytes: number): void {
    this.#admittedBytes -= bytes + RECORD_OVERHEAD_BYTES;
  }

  fail(failure: HostFailure): void {
    if (this.isRunning()) this.#end(failure);
  }

  /** One turn of the loop: all that has gathered, then one write for all of it. */
  #turn(): void {
    this.#isTurnDue = false;
    if (!this.isRunning()) return;
    const awake = this.#awake;
    this.#awake = new Set();
    for (const member of awake) member.turn();
    if (this.#writing === undefined && !this.#queue.isEmpty && !this.#isWaitingForSpace) {
      this.#cancelIdle();
      this.#writing = this.#write();
    }
  }

  async #write(): Promise<void> {
    const store = this.#store;
    assert(store !== undefined, "S1: a store is open while it is written to");
    const batch = this.#queue.take();
    const startMs = this.clock.monotonicMs();
    const outcome = await store.append(batch.records);
    this.#writing = undefined;
    if (outcome.kind === "failed") {
      this.fail({ kind: "disk-failed", detail: outcome.detail });
      return;
    }
    const count = outcome.kind === "synced" ? batch.records.length : outcome.synced;
    const bytes = this.#settleAdmitted(batch.records, count);
    const durationMs = this.clock.monotonicMs() - startMs;
    if (count > 0) this.#options.observer?.synced({ records: count, bytes, durationMs });
    const left = batch.synced(count);
    if (outcome.kind === "no-space") {
      this.#queue.putBack(left);
      this.#isWaitingForSpace = true;
    }
    if (this.#isWaitingForSpace || store.isShortOfSpace) this.#watchSpace();
    this.#afterWrite(store);
  }

  /** What is durable no longer counts against the room: it is part of the log now. */
  #settleAdmitted(records: readonly LogRecord[], count: number): number {
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const record = records[i]!;
      bytes += recordBytesOf(record);
      const isProposal = record.kind === "entry" && record.entry.type === "proposal";
      if (isProposal) this.release(record.entry.bytes.length);
    }
    return bytes;
  }

  #afterWrite(store: LogStore): void {
    for (const id of store.groupsPinning(SEGMENTS_MAX)) this.#groups.get(id)?.requestSnapshot();
    if (!this.#queue.isEmpty && !this.#isTurnDue) {
      this.#isTurnDue = true;
      void nextTurn().then(() => this.#turn());
    }
    this.#cancelIdle();
    this.#cancelIdle = this.clock.setTimer(IDLE_MS, () => {
      if (this.isRunning() && this.#writing === undefined) void store.settle();
    });
  }

  /** Looks now and then whether there is room again. */
  #watchSpace(): void {
    this.#cancelProbe ??= this.clock.setTimer(SPACE_PROBE_MS, () => {
      void this.#probeSpace();
    });
  }

  async #probeSpace(): Promise<void> {
    const store = this.#store;
    if (store === undefined || !this.isRunning()) return;
    await store.probeSpace();
    this.#cancelProbe = undefined;
    if (!this.isRunning()) return;
    if (store.isShortOfSpace) {
      this.#watchSpace();
      return;
    }
    this.#isWaitingForSpace = false;
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    await nextTurn();
    this.#turn();
  }

  #end(failure: HostFailure | undefined): void {
    this.#phase = "stopped";
    this.#cancelIdle();
    this.#cancelProbe?.();
    for (const group of this.#groups.values()) group.end(failure);
  }
}

/** A turn begins when the code that woke the loop has run to its end. */
function nextTurn(): Promise<void> {
  return Promise.resolve();
}

function refusalOf(outcome: Rotten | Refused): StartOutcome {
  if (outcome.kind === "rotten") {
    const places = outcome.rot.map(({ file, offset, end, groups }) => {
      const whose = groups === "all" ? "all groups" : `group ${groups.join(", ")}`;
      return `${file} bytes ${offset} to ${end} (${whose})`;
    });
    return { kind: "refused", reason: "damaged", detail: places.join("; ") };
  }
  const reason = outcome.reason === "read-only" ? "not-writable" : outcome.reason;
  return { kind: "refused", reason, detail: outcome.detail };
}
