// SPDX-License-Identifier: Apache-2.0
/**
 * One watch: the state of some elections first, then every change, from the local replica.
 *
 * It spans the partitions where its elections live. What it sends of a partition never goes back in
 * revisions (semantics A4): snapshots are read page by page as the watcher takes them, a change is
 * sent only for elections that have been paged already, and queued changes go out before a page is
 * read. A watcher that does not take is ended, never skipped.
 */

import { assert } from "@conclave/base";
import {
  type Change,
  type ElectionView,
  keyText,
  type PastView,
  type PrimitiveKey,
  type Resumption,
  undoChanges,
} from "@conclave/fsm";
import type { RoundMember } from "./confirm-rounds.ts";
import { isWatched, type KeyPrefix, type WatchIndex, type WatchTarget } from "./watch-index.ts";

export type WatchEvent =
  | { readonly kind: "snapshot"; readonly partition: number; readonly view: ElectionView }
  | { readonly kind: "snapshot-end" }
  /** What an election was at the resume point, which the changes that follow apply to. */
  | { readonly kind: "base"; readonly partition: number; readonly view: PastView }
  | { readonly kind: "change"; readonly partition: number; readonly change: Change }
  | {
      readonly kind: "gap";
      readonly partition: number;
      readonly afterRevision: bigint;
      readonly beforeRevision: bigint;
    }
  | { readonly kind: "progress"; readonly partition: number; readonly revision: bigint }
  /** Whether the replicas that it is served from are in contact with their quorums. */
  | { readonly kind: "contact"; readonly hasQuorum: boolean };

/** One revision per partition: everything up to there has been sent. */
export type ResumePoint = ReadonlyMap<number, bigint>;

export type WatchEnd =
  /** It did not take what was queued for it. */
  | "slow-watcher"
  /** Its resume point is ahead of what the leader has reached. */
  | "resume-ahead"
  | "no-leader"
  /** The replica's state was replaced by a snapshot of another node. */
  | "replaced"
  | "shutting-down";

/** What a watch needs of a partition's replica. */
export interface WatchedPartition {
  readonly number: number;
  readonly revision: bigint;
  /** Since its start this replica has once been level with its leader. */
  readonly isCaughtUp: boolean;
  /** False while it may be cut off, so that what it shows may be old. */
  readonly hasContact: boolean;
  /** What it shows is the newest there is, as far as anybody can know: it leads. */
  readonly isLeader: boolean;
  readonly watchers: WatchIndex<Watch>;
  isHomeOf(key: PrimitiveKey): boolean;
  view(key: PrimitiveKey): ElectionView;
  /** The next keys of a prefix after a name, in key order; none at the end. */
  page(prefix: KeyPrefix, after: string | undefined): readonly PrimitiveKey[];
  missedSince(revision: bigint, isWanted: (change: Change) => boolean): Resumption;
  /** Since when nothing can have been missed of an election; undefined where it does not exist. */
  unchangedSince(key: PrimitiveKey): bigint | undefined;
  barrier(member: RoundMember): void;
}

export interface WatchOptions {
  readonly target: WatchTarget;
  readonly partitions: readonly WatchedPartition[];
  readonly resume: ResumePoint | undefined;
  /** For one named election that resumes: what it was at the resume point comes first. */
  readonly withBase: boolean;
  readonly giveUpAtMs: number;
  /** There is something to take, or it has ended. Not called again before all was taken. */
  readonly ready: () => void;
}

/** Events that may wait for a watcher, what it resumed with not counted. */
const QUEUED_MAX = 4_096;
/** What was taken is kept until it is so many; then it is cut off. */
const TAKEN_KEPT_MAX = 1_024;

export class Watch {
  readonly #options: WatchOptions;
  readonly #positions = new Map<number, bigint>();
  #queue: WatchEvent[] = [];
  /** Where in the queue the next one to take is. */
  #head = 0;
  /** How many at the queue's beginning are what was missed before it began. */
  #replayed = 0;
  #state: "starting" | "paging" | "live" | "ended" = "starting";
  /** While paging: which partition, and the last key that was sent of it. */
  #pagedPartitions = 0;
  #pagedKey: PrimitiveKey | undefined;
  #end: WatchEnd | undefined;
  /** A watch that is told nothing is in contact. */
  #toldContact = true;
  #isReadySaid = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /**
   * Begins at once where the replicas are level with what was asked for, else after a read barrier.
   * One that is cut off cannot have any: it begins with what it has, and says so.
   */
  start(): void {
    const { partitions, resume, giveUpAtMs } = this.#options;
    const behind = partitions.filter((partition) => {
      const isAsked = (resume?.get(partition.number) ?? 0n) > partition.revision;
      return !partition.isCaughtUp || isAsked || (partition.hasContact && !partition.isLeader);
    });
    let missing = behind.length;
    if (missing === 0) this.#begin();
    for (const partition of behind) {
      partition.barrier({
        giveUpAtMs,
        waitsForLeader: true,
        settle: (outcome) => {
          if (this.#state !== "starting") return;
          if (outcome.kind === "failed") this.end("no-leader");
          else if (--missing === 0) this.#begin();
        },
      });
    }
  }

  /** A change of one of the watched elections. */
  changed(partition: WatchedPartition, change: Change): void {
    if (this.#state === "paging" && !this.#hasPaged(partition, change.key)) return;
    if (this.#queue.length - Math.max(this.#head, this.#replayed) >= QUEUED_MAX) {
      this.end("slow-watcher");
      return;
    }
    this.#queue.push({ kind: "change", partition: partition.number, change });
    this.#sayReady();
  }

  /**
   * A replica was cut off, or is in contact again; told when that changes anything for the whole, and
   * behind the snapshot: a reader takes all that follows a loss for news from a quorum.
   */
  contactChanged(): void {
    if (this.#state !== "live") return;
    const hasQuorum = this.#options.partitions.every((partition) => partition.hasContact);
    if (hasQuorum === this.#toldContact) return;
    this.#toldContact = hasQuorum;
    this.#queue.push({ kind: "contact", hasQuorum });
    this.#sayReady();
  }

  /** Says how far nothing was missed, where that is further than the last event told. */
  markProgress(): void {
    if (this.#state !== "live" || this.#head < this.#queue.length) return;
    for (const { number: partition, revision } of this.#options.partitions) {
      if (revision <= (this.#positions.get(partition) ?? 0n)) continue;
      this.#queue.push({ kind: "progress", partition, revision });
    }
    if (this.#queue.length > 0) this.#sayReady();
  }

  /**
   * Gives out what there is, until `emit` says that it is enough.
   *
   * @param emit gets the event and, where the stream can be resumed after it, the point to do so.
   *   Answers whether it takes more.
   */
  take(emit: (event: WatchEvent, resume: ResumePoint | undefined) => boolean): void {
    this.#isReadySaid = false;
    let takesMore = true;
    while (takesMore && this.#state !== "ended") {
      const event = this.#queue[this.#head];
      if (event !== undefined) {
        if (++this.#head >= TAKEN_KEPT_MAX) this.#cutTaken();
        takesMore = this.#emit(event, emit);
      } else {
        this.#queue = [];
        this.#head = 0;
        this.#replayed = 0;
        if (this.#state !== "paging") return;
        this.#readPage();
      }
    }
    if (this.#state !== "ended") this.#sayReady();
  }

  /** A watcher that keeps up may never find the queue empty. */
  #cutTaken(): void {
    // Half of it at a time, or each cut would move all that waits.
    if (this.#head * 2 < this.#queue.length) return;
    this.#queue.splice(0, this.#head);
    this.#replayed = Math.max(0, this.#replayed - this.#head);
    this.#head = 0;
  }

  /** How many changes wait to be taken. */
  get backlog(): number {
    return this.#queue.length - this.#head;
  }

  /** Why it has ended; what was queued is gone. */
  get ended(): WatchEnd | undefined {
    return this.#end;
  }

  end(reason: WatchEnd): void {
    if (this.#state === "ended") return;
    this.close();
    this.#end = reason;
    this.#sayReady();
  }

  /** Ended by the watcher itself: nothing is said any more. */
  close(): void {
    if (this.#state === "live" || this.#state === "paging") {
      for (const partition of this.#options.partitions) {
        partition.watchers.remove(this.#targetOn(partition), this);
      }
    }
    this.#state = "ended";
    this.#queue = [];
  }

  #begin(): void {
    const { partitions, resume } = this.#options;
    if (resume === undefined) {
      this.#state = "paging";
    } else {
      const isAhead = partitions.some((p) => (resume.get(p.number) ?? 0n) > p.revision);
      if (isAhead) {
        this.end("resume-ahead");
        return;
      }
      this.#state = this.#replay(resume) ? "live" : "paging";
    }
    for (const partition of partitions) {
      partition.watchers.add(this.#targetOn(partition), this);
    }
    this.contactChanged();
    this.#sayReady();
  }

  /** Queues what was missed; false, with the gaps queued, where history does not tell. */
  #replay(resume: ResumePoint): boolean {
    const gaps: WatchEvent[] = [];
    const missed: WatchEvent[] = [];
    const isWanted = (change: Change): boolean => isWatched(this.#options.target, change.key);
    for (const partition of this.#options.partitions) {
      const { number, revision } = partition;
      const after = resume.get(number) ?? 0n;
      this.#positions.set(number, after);
      const resumption = partition.missedSince(after, isWanted);
      assert(resumption.kind !== "ahead", "a watch resumes once the replica has got so far");
      if (resumption.kind === "gap" && !this.#hasMissedNothing(partition, after)) {
        const { afterRevision, beforeRevision } = resumption;
        gaps.push({ kind: "gap", partition: number, afterRevision, beforeRevision });
        continue;
      }
      const changes = resumption.kind === "replay" ? resumption.changes : [];
      if (this.#options.withBase) missed.push(this.#baseOf(partition, changes, after));
      for (const change of changes) missed.push({ kind: "change", partition: number, change });
      missed.push({ kind: "progress", partition: number, revision });
    }
    this.#queue = gaps.length > 0 ? gaps : missed;
    this.#replayed = this.#queue.length;
    return gaps.length === 0;
  }

  /** The changes are all that came after, since they are read at the same moment as the state. */
  #baseOf(partition: WatchedPartition, changes: readonly Change[], after: bigint): WatchEvent {
    const { target } = this.#options;
    assert(target.kind === "names" && target.keys.length === 1, "only one election has a base");
    const view = undoChanges(partition.view(target.keys[0]!), changes, after);
    return { kind: "base", partition: partition.number, view };
  }

  /** An election whose own revision is not above the resume point has not changed since (A4). */
  #hasMissedNothing(partition: WatchedPartition, after: bigint): boolean {
    const target = this.#targetOn(partition);
    if (target.kind === "prefix") return false;
    return target.keys.every((key) => {
      const since = partition.unchangedSince(key);
      return since !== undefined && since <= after;
    });
  }

  #hasPaged(partition: WatchedPartition, key: PrimitiveKey): boolean {
    const place = this.#options.partitions.indexOf(partition);
    if (place !== this.#pagedPartitions) return place < this.#pagedPartitions;
    return this.#pagedKey !== undefined && keyText(key) <= keyText(this.#pagedKey);
  }

  /** Queues one page of the snapshot, read now: all changes up to now have been taken. */
  #readPage(): void {
    const partition = this.#options.partitions[this.#pagedPartitions];
    if (partition === undefined) {
      this.#state = "live";
      this.#queue.push({ kind: "snapshot-end" });
      this.contactChanged();
      return;
    }
    const target = this.#targetOn(partition);
    const keys =
      target.kind === "names" ? target.keys : partition.page(target, this.#pagedKey?.name);
    for (const key of keys) {
      const view = partition.view(key);
      this.#queue.push({ kind: "snapshot", partition: partition.number, view });
    }
    this.#pagedKey = keys.at(-1);
    if (target.kind === "prefix" && keys.length > 0) return;
    this.#positions.set(partition.number, partition.revision);
    this.#pagedPartitions++;
    this.#pagedKey = undefined;
  }

  #emit(
    event: WatchEvent,
    emit: (event: WatchEvent, resume: ResumePoint | undefined) => boolean,
  ): boolean {
    if (event.kind === "change") this.#positions.set(event.partition, event.change.revision);
    if (event.kind === "progress") this.#positions.set(event.partition, event.revision);
    // In the midst of a snapshot there is no point to resume at: it would have to begin again.
    const isResumable = this.#state === "live" && event.kind !== "snapshot" && event.kind !== "gap";
    return emit(event, isResumable ? this.#positions : undefined);
  }

  /** The part of the target that lives on a partition. */
  #targetOn(partition: WatchedPartition): WatchTarget {
    const { target, partitions } = this.#options;
    if (target.kind === "prefix" || partitions.length === 1) return target;
    return { kind: "names", keys: target.keys.filter((key) => partition.isHomeOf(key)) };
  }

  #sayReady(): void {
    const hasSomething =
      this.#end !== undefined || this.#state === "paging" || this.#head < this.#queue.length;
    if (this.#isReadySaid || !hasSomething) return;
    this.#isReadySaid = true;
    this.#options.ready();
  }
}
