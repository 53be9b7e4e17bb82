// SPDX-License-Identifier: Apache-2.0
/**
 * What waits to be sent on one Attach stream. All that comes together in one turn, and all that gathers
 * while the client does not read, goes out in as few frames as its size allows.
 */

import { create } from "@bufbuild/protobuf";
import {
  type AttachReply,
  type AttachResponse,
  AttachResponseSchema,
  type AttachWatchEvent,
  type AttachWelcome,
  type Candidacy,
  type ClusterInfo,
  type Lease,
  type Progress,
} from "@conclave/api";
import type { ConnectError } from "@connectrpc/connect";
import type { Failure } from "../wire/failure.ts";

/** Where a frame is closed, by estimate; a page of a list or a snapshot fills one (design section 4). */
const FRAME_BYTES_MAX = 256 * 1024;
/**
 * What may wait for a client that does not read; then the stream is ended. Events of watches are not
 * counted, which bound themselves.
 */
const QUEUED_MAX = 65_536;
/** The same for the bytes of answers: a command of few bytes may ask for a list of 240 KiB. */
const QUEUED_BYTES_MAX = 64 << 20;
const ITEM_BYTES = 64;

/** Fills frames with what is not queued here because it can be read when it is sent. */
export interface FrameSource {
  /** Adds events until they are all, or fill the frame. Answers whether there is more. */
  fill(events: AttachWatchEvent[], bytesLeft: number): boolean;
  /** Refusals, which wait until they are sent. */
  readonly refusedCount: number;
}

export type OutboxEnd =
  | { readonly kind: "goodbye"; readonly reason: string }
  | { readonly kind: "failed"; readonly failure: Failure }
  /** What came could not be read as a frame: too long, or not of the protocol. */
  | { readonly kind: "unreadable"; readonly error: ConnectError }
  /** The client has ended its side in order; what waits is still sent. */
  | { readonly kind: "done" }
  /** Nobody reads any more. */
  | { readonly kind: "gone" };

interface SizedReply {
  readonly reply: AttachReply;
  readonly bytes: number;
}

export class Outbox {
  readonly #source: FrameSource;
  readonly #overflow: () => void;
  #welcome: AttachWelcome | undefined;
  #topology: ClusterInfo | undefined;
  #replies: SizedReply[] = [];
  #replyBytes = 0;
  #leases: Lease[] = [];
  #candidacies: Candidacy[] = [];
  #told: Progress[] = [];
  #sourceHasMore = false;
  #end: OutboxEnd | undefined;
  #wake: (() => void) | undefined;

  /** @param overflow more waits than may; the stream is to be ended. */
  constructor(source: FrameSource, overflow: () => void) {
    this.#source = source;
    this.#overflow = overflow;
  }

  welcome(welcome: AttachWelcome): void {
    this.#welcome = welcome;
    this.#notify();
  }

  /** The newest is all that a client needs. */
  topology(topology: ClusterInfo): void {
    this.#topology = topology;
    this.#notify();
  }

  reply(reply: AttachReply, bytes: number = ITEM_BYTES): void {
    this.#replies.push({ reply, bytes });
    this.#replyBytes += bytes;
    this.#notify();
  }

  lease(lease: Lease): void {
    this.#leases.push(lease);
    this.#notify();
  }

  candidacy(candidacy: Candidacy): void {
    this.#candidacies.push(candidacy);
    this.#notify();
  }

  candidaciesTold(told: Progress): void {
    this.#told.push(told);
    this.#notify();
  }

  sourceReady(): void {
    this.#sourceHasMore = true;
    this.#notify();
  }

  /** Ends the stream once what waits has been sent. The first reason stands. */
  end(end: OutboxEnd): void {
    this.#end ??= end;
    this.#wake?.();
  }

  get ended(): OutboxEnd | undefined {
    return this.#end;
  }

  /** The next frame, or undefined if there is nothing to send now. */
  take(): AttachResponse | undefined {
    if (this.#end?.kind === "gone" || !this.#hasSomething()) return undefined;
    const frame = create(AttachResponseSchema);
    if (this.#welcome !== undefined) frame.welcome = this.#welcome;
    this.#welcome = undefined;
    if (this.#topology !== undefined) frame.topology = this.#topology;
    this.#topology = undefined;
    frame.leases = this.#leases;
    this.#leases = [];
    frame.candidacies = this.#candidacies;
    this.#candidacies = [];
    frame.candidaciesTold = this.#told;
    this.#told = [];
    const bytesLeft = this.#takeReplies(frame.replies, FRAME_BYTES_MAX);
    if (this.#sourceHasMore && bytesLeft > 0) {
      this.#sourceHasMore = this.#source.fill(frame.watchEvents, bytesLeft);
    }
    return isEmpty(frame) ? undefined : frame;
  }

  /** Resolves when there is something to take or the stream has ended. */
  async wait(): Promise<void> {
    if (this.#end !== undefined || this.#hasSomething()) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }

  #takeReplies(replies: AttachReply[], bytesMax: number): number {
    let bytes = 0;
    let count = 0;
    for (const { reply, bytes: size } of this.#replies) {
      if (count > 0 && bytes + size > bytesMax) break;
      replies.push(reply);
      bytes += size;
      count++;
    }
    if (count === this.#replies.length) this.#replies = [];
    else this.#replies.splice(0, count);
    this.#replyBytes -= bytes;
    return bytesMax - bytes;
  }

  #hasSomething(): boolean {
    const hasTold = this.#welcome !== undefined || this.#topology !== undefined;
    return hasTold || this.#sourceHasMore || this.#queued > 0;
  }

  get #queued(): number {
    const own = this.#replies.length + this.#leases.length;
    return own + this.#candidacies.length + this.#told.length;
  }

  #notify(): void {
    const isOver =
      this.#queued + this.#source.refusedCount > QUEUED_MAX || this.#replyBytes > QUEUED_BYTES_MAX;
    if (isOver && this.#end === undefined) this.#overflow();
    this.#wake?.();
  }
}

/** A watch may have been closed between its call and the frame. */
function isEmpty({ welcome, topology, replies, leases, ...rest }: AttachResponse): boolean {
  const queued = replies.length + leases.length + rest.candidacies.length;
  const told = rest.candidaciesTold.length + rest.watchEvents.length;
  return welcome === undefined && topology === undefined && queued + told === 0;
}
