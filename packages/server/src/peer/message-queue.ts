// SPDX-License-Identifier: Apache-2.0
/**
 * Raft messages that wait to be sent to one replica: bounded, the newest dropped when it is full.
 *
 * Heartbeats are not queued but kept, one for each group, so that they are never dropped while there
 * is somebody to send them to and a slow peer gets the latest and not all of them.
 */

import type { ExchangeRequest } from "@conclave/api/peer";
import type { GroupMessage } from "@conclave/raft";
import {
  type Heartbeat,
  type HeartbeatResponse,
  heartbeatResponsesMessageOf,
  heartbeatsMessageOf,
  mergeHeartbeatResponses,
  mergeHeartbeats,
} from "../wire/heartbeats.ts";
import { raftMessageMessageOf, type SingleMessage, wireBytesOf } from "../wire/raft-messages.ts";

export interface QueueLimits {
  readonly messagesMax: number;
  readonly bytesMax: number;
}

interface Queued {
  readonly group: number;
  readonly message: SingleMessage;
  readonly bytes: number;
}

/** What a row of a column takes at most. */
const ROW_BYTES = 35;

export class MessageQueue {
  readonly #limits: QueueLimits;
  #queued: Queued[] = [];
  #bytes = 0;
  #heartbeats = new Map<number, Heartbeat>();
  #responses = new Map<number, HeartbeatResponse>();

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#queued.length === 0 && this.#heartbeats.size === 0 && this.#responses.size === 0;
  }

  /** False: it is full, and the message dropped. */
  add({ group, message }: GroupMessage): boolean {
    if (message.kind === "heartbeat") {
      const earlier = this.#heartbeats.get(group);
      const merged = earlier === undefined ? message : mergeHeartbeats(earlier, message);
      this.#heartbeats.set(group, merged);
      return true;
    }
    if (message.kind === "heartbeat-response") {
      const earlier = this.#responses.get(group);
      const merged = earlier === undefined ? message : mergeHeartbeatResponses(earlier, message);
      this.#responses.set(group, merged);
      return true;
    }
    const bytes = wireBytesOf(message);
    const { messagesMax, bytesMax } = this.#limits;
    // An entry may be larger than all that may wait; it is then the only one.
    const isFull =
      this.#queued.length >= messagesMax ||
      (this.#queued.length > 0 && this.#bytes + bytes > bytesMax);
    if (isFull) return false;
    this.#queued.push({ group, message, bytes });
    this.#bytes += bytes;
    return true;
  }

  /** Fills the frame: all heartbeats, and messages up to `bytesMax`, but at least one. */
  fill(frame: ExchangeRequest, bytesMax: number): void {
    let bytes = (this.#heartbeats.size + this.#responses.size) * ROW_BYTES;
    if (this.#heartbeats.size > 0) frame.heartbeats = heartbeatsMessageOf(this.#heartbeats);
    if (this.#responses.size > 0) {
      frame.heartbeatResponses = heartbeatResponsesMessageOf(this.#responses);
    }
    this.#heartbeats = new Map();
    this.#responses = new Map();
    let taken = 0;
    for (const { group, message, bytes: size } of this.#queued) {
      if (taken > 0 && bytes + size > bytesMax) break;
      frame.raft.push(raftMessageMessageOf(group, message));
      bytes += size;
      this.#bytes -= size;
      taken++;
    }
    this.#queued = taken === this.#queued.length ? [] : this.#queued.slice(taken);
  }

  clear(): void {
    this.#queued = [];
    this.#bytes = 0;
    this.#heartbeats = new Map();
    this.#responses = new Map();
  }
}
