// SPDX-License-Identifier: Apache-2.0
/**
 * By when each session of a partition must have renewed, in the memory of the partition's leader.
 *
 * Only registrations and renewals move a deadline on (semantics A2). Times are loop time
 * (base's loop-watch.ts). This file keeps the deadlines and finds those that have passed; it judges nothing.
 */

import { TICK_MS } from "@conclave/base";
import type { SessionId } from "@conclave/fsm";

/** One Attach stream of this process: what a renewal came through and a disconnect names. */
export type AttachmentId = number;

/** Mutable: its owner is `Deadlines`; renewals, disconnects and expiries move it by the rules of A2. */
export interface SessionDeadline {
  readonly sessionId: SessionId;
  readonly ttlMs: number;
  readonly graceMs: number;
  deadlineMs: number;
  /** What the session ends of if the deadline passes. */
  cause: "expired" | "disconnected";
  /** What the latest renewal that was confirmed, or the registration, came through. */
  attachment: AttachmentId | undefined;
  /** Its number: one that was overtaken on its way says nothing of where the session is now. */
  renewal: bigint;
  /** Renewals and registrations that await their answer: while there are any, nothing expires. */
  holds: number;
  /** Ends of the session in the log, or on their way into it, that are not applied yet. */
  endings: number;
  /** The bucket in which it will be looked at next. */
  bucket: number;
}

export class Deadlines {
  readonly #records = new Map<SessionId, SessionDeadline>();
  /** Looked at when their time has come: a deadline that moved on meanwhile is put into a later one. */
  readonly #buckets = new Map<number, SessionDeadline[]>();
  #nextBucket = 0;

  get(sessionId: SessionId): SessionDeadline | undefined {
    return this.#records.get(sessionId);
  }

  /** Starts a session's deadline, a full TTL from now. */
  open(
    session: {
      readonly sessionId: SessionId;
      readonly ttlMs: number;
      readonly graceMs: number;
    },
    nowMs: number,
  ): SessionDeadline {
    const record: SessionDeadline = {
      sessionId: session.sessionId,
      ttlMs: session.ttlMs,
      graceMs: session.graceMs,
      deadlineMs: nowMs + session.ttlMs,
      cause: "expired",
      attachment: undefined,
      renewal: 0n,
      holds: 0,
      endings: 0,
      bucket: 0,
    };
    this.#records.set(session.sessionId, record);
    this.watch(record);
    return record;
  }

  end(sessionId: SessionId): void {
    this.#records.delete(sessionId);
  }

  clear(nowMs: number): void {
    this.#records.clear();
    this.#buckets.clear();
    this.#nextBucket = Math.floor(nowMs / TICK_MS);
  }

  /** Moves a deadline on, never back: a renewal that arrived at `arrivedMs` is good for a whole TTL. */
  renew(record: SessionDeadline, arrivedMs: number): void {
    record.deadlineMs = Math.max(record.deadlineMs, arrivedMs + record.ttlMs);
  }

  /** Makes sure that the record is looked at when its deadline has passed; needed after a shortening. */
  watch(record: SessionDeadline): void {
    const bucket = Math.max(Math.ceil(record.deadlineMs / TICK_MS), this.#nextBucket);
    record.bucket = bucket;
    const others = this.#buckets.get(bucket);
    if (others === undefined) this.#buckets.set(bucket, [record]);
    else others.push(record);
  }

  /**
   * The sessions whose deadline has passed and which nothing holds back. Each is given out once: who
   * does not end it hands it back by `watch`.
   */
  takeDue(nowMs: number): SessionDeadline[] {
    const due: SessionDeadline[] = [];
    const last = Math.floor(nowMs / TICK_MS);
    if (this.#buckets.size === 0) this.#nextBucket = Math.max(this.#nextBucket, last + 1);
    for (; this.#nextBucket <= last; this.#nextBucket++) {
      const records = this.#buckets.get(this.#nextBucket);
      if (records === undefined) continue;
      this.#buckets.delete(this.#nextBucket);
      this.#sift(records, nowMs, due);
    }
    return due;
  }

  #sift(records: readonly SessionDeadline[], nowMs: number, due: SessionDeadline[]): void {
    const bucket = this.#nextBucket;
    // What is put back from here belongs into a later bucket, or this walk would not end.
    this.#nextBucket++;
    for (const record of records) {
      const isCurrent = record.bucket === bucket && this.#records.get(record.sessionId) === record;
      if (!isCurrent) continue;
      if (this.isDue(record, nowMs)) due.push(record);
      else this.watch(record);
    }
    this.#nextBucket--;
  }

  isDue(record: SessionDeadline, nowMs: number): boolean {
    return record.deadlineMs <= nowMs && record.holds === 0 && record.endings === 0;
  }
}
