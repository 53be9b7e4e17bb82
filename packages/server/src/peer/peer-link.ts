// SPDX-License-Identifier: Apache-2.0
/**
 * What this node sends to one other node on one lane: keeps a stream to it open, holds back what the
 * stream does not take, and drops what there is no stream for.
 *
 * A peer that is slow or silent costs this link its bounded queue and nothing else.
 */

import type { ExchangeRequest, ExchangeResponse } from "@conclave/api/peer";
import type { CancelTimer, Clock, Prng } from "@conclave/base";
import type { Member } from "@conclave/fsm";
import { type GroupMessage, type ReplicaId, replicaIdOf } from "@conclave/raft";
import type { PeerCallOptions, PeerCallOutcome } from "../replica/peer-calls.ts";
import { helloOf, type Lane, type MemberList, type Self } from "./greeting.ts";
import { MessageQueue, type QueueLimits } from "./message-queue.ts";
import { OpenCalls } from "./open-calls.ts";
import { emptyRequest, OutboundStream, type StreamEnd } from "./outbound-stream.ts";
import type { PeerDialer } from "./peer-dialer.ts";
import type { PeerReports } from "./peer-reports.ts";

export interface LinkContext {
  readonly self: Self;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly dialer: PeerDialer;
  readonly reports: PeerReports;
  readonly list: () => MemberList;
  /** Messages to the replica were dropped; said once until they reach it again. */
  readonly unreachable: (replica: ReplicaId) => void;
}

/** A frame ends where it would grow beyond this; a message that is larger has one for itself. */
const FRAME_BYTES_MAX = 1024 * 1024;
/** Of a full frame, what calls have for themselves. */
const CALLS_BYTES_MIN = FRAME_BYTES_MAX / 4;
/** Beats of the mesh, 1 s each. A stream is cut, or a dial given up, after three to four of them without an answer. */
const SILENT_BEATS = 3;
/** A stream for snapshots is closed when there has been none to send for so long. */
const IDLE_BEATS = 10;
/** Until the next attempt: doubled each time up to the maximum, and then something between half and all of it. */
const BACKOFF_MS = { first: 50, max: 1_000 };

const LIMITS: Record<Lane, QueueLimits> = {
  messages: { messagesMax: 8_192, bytesMax: 8 * 1024 * 1024 },
  snapshots: { messagesMax: 64, bytesMax: 4 * 1024 * 1024 },
};

export class PeerLink {
  readonly #context: LinkContext;
  readonly #lane: Lane;
  readonly #queue: MessageQueue;
  readonly #calls: OpenCalls;
  readonly #toldUnreachable = new Set<ReplicaId>();
  #peer: Member;
  #state: "idle" | "waiting" | "dialling" | "open" | "closed" = "idle";
  #stream: OutboundStream | undefined;
  #running: Promise<void> = Promise.resolve();
  /** Who is at the other end, if anybody is; else who the list says. */
  #replica: ReplicaId;
  #version = "";
  #failures = 0;
  #cancelTimer: CancelTimer = () => {};
  #silentBeats = 0;
  #idleBeats = 0;
  #pings = 0n;
  #isPingDue = false;
  #isPingOut = false;

  constructor(context: LinkContext, peer: Member, lane: Lane) {
    this.#context = context;
    this.#lane = lane;
    this.#peer = peer;
    this.#replica = replicaIdOf(peer.node, peer.incarnation);
    this.#queue = new MessageQueue(LIMITS[lane]);
    this.#calls = new OpenCalls(context.clock, () => this.#stream?.wake());
  }

  get isConnected(): boolean {
    return this.#state === "open";
  }

  /** What the peer says it runs; empty while it has never answered. */
  get version(): string {
    return this.#version;
  }

  get address(): string {
    return this.#peer.address;
  }

  /** Begins to dial, unless a stream is open, or is being opened. */
  open(): void {
    if (this.#state !== "idle" && this.#state !== "waiting") return;
    this.#cancelTimer();
    this.#dial();
  }

  /** The list names another directory of the node, or another address. */
  update(peer: Member): void {
    const isMoved = peer.address !== this.#peer.address;
    this.#peer = peer;
    if (this.#state !== "open") this.#expect(replicaIdOf(peer.node, peer.incarnation));
    if (isMoved) this.#stream?.cut("its address has changed");
  }

  send(to: ReplicaId, messages: readonly GroupMessage[]): void {
    // A lane for snapshots is dialled when there is one.
    if (this.#state === "idle") this.open();
    const isReachable = this.#state === "open" || this.#state === "dialling";
    if (!isReachable || to !== this.#replica) {
      this.#tellUnreachable(to);
      return;
    }
    this.#idleBeats = 0;
    let isComplete = true;
    for (const message of messages) isComplete = this.#queue.add(message) && isComplete;
    if (!isComplete) this.#tellUnreachable(to);
    this.#stream?.wake();
  }

  call(request: Uint8Array, options: PeerCallOptions): Promise<PeerCallOutcome> {
    if (this.#state === "open" || this.#state === "dialling") {
      return this.#calls.call(request, options);
    }
    return Promise.resolve({ kind: "unreachable", isSent: false });
  }

  /** Called by the mesh once a second of the loop's time, however late. */
  beat(): void {
    if (this.#state !== "open" && this.#state !== "dialling") return;
    if (this.#state === "dialling" || this.#isPingOut) {
      if (++this.#silentBeats > SILENT_BEATS) this.#stream?.cut("it does not answer");
    } else if (this.#lane === "snapshots" && ++this.#idleBeats > IDLE_BEATS) {
      this.#state = "idle";
      this.#stream?.cut("idle");
    } else {
      this.#ping();
    }
  }

  async close(): Promise<void> {
    this.#cancelTimer();
    this.#state = "closed";
    this.#stream?.cut("closed");
    await this.#running;
  }

  #ping(): void {
    this.#pings++;
    this.#isPingOut = true;
    this.#isPingDue = true;
    this.#stream?.wake();
  }

  #dial(): void {
    const { self, dialer, list } = this.#context;
    const { node, address, incarnation } = this.#peer;
    this.#state = "dialling";
    this.#silentBeats = 0;
    this.#replica = replicaIdOf(node, incarnation);
    const stream = new OutboundStream({
      welcomed: (welcome) => this.#welcomed(welcome),
      received: (response) => this.#received(response),
      take: () => this.#take(),
      ended: (end) => {
        // A stream that was given up has no say any more.
        if (this.#stream === stream) this.#ended(end);
      },
    });
    this.#stream = stream;
    const hello = helloOf(self, node, list().asOf, this.#lane);
    const before = this.#running;
    this.#running = Promise.all([before, stream.run(dialer, address, hello)]).then(() => {});
  }

  #welcomed({ node, incarnation, version }: NonNullable<ExchangeResponse["welcome"]>): void {
    const replica = replicaIdOf(node, incarnation);
    this.#expect(replica);
    this.#state = "open";
    this.#version = version;
    this.#failures = 0;
    this.#silentBeats = 0;
    this.#idleBeats = 0;
    this.#isPingOut = false;
    this.#isPingDue = false;
    this.#toldUnreachable.delete(replica);
    this.#context.reports.isWell(this.#peer.node);
  }

  /** What has gathered is for the directory that was expected before. */
  #expect(replica: ReplicaId): void {
    if (replica !== this.#replica) this.#queue.clear();
    this.#replica = replica;
  }

  #received(response: ExchangeResponse): void {
    for (const answer of response.answers) this.#calls.answered(answer);
    if (this.#isPingOut && response.pong === this.#pings) {
      this.#isPingOut = false;
      this.#silentBeats = 0;
    }
  }

  #take(): ExchangeRequest | undefined {
    const hasCalls = this.#calls.hasUnsent;
    if (this.#queue.isEmpty && !hasCalls && !this.#isPingDue) return undefined;
    const frame = emptyRequest();
    this.#queue.fill(frame, FRAME_BYTES_MAX - (hasCalls ? CALLS_BYTES_MIN : 0));
    if (hasCalls) {
      frame.calls = this.#calls.takeCalls(CALLS_BYTES_MIN);
      frame.cancelled = this.#calls.takeCancelled();
    }
    if (this.#isPingDue) frame.ping = this.#pings;
    this.#isPingDue = false;
    if (this.#queue.isEmpty) this.#toldUnreachable.delete(this.#replica);
    return frame;
  }

  #ended(end: StreamEnd): void {
    const wasOpen = this.#state === "open";
    this.#stream = undefined;
    this.#queue.clear();
    this.#calls.lost();
    if (this.#state === "closed" || this.#state === "idle") return;
    this.#report(end, wasOpen);
    this.#tellUnreachable(this.#replica);
    this.#state = "waiting";
    this.#cancelTimer = this.#context.clock.setTimer(this.#backOffMs(), () => this.#retry());
  }

  #retry(): void {
    // Nobody waits for a snapshot any more; the next one dials.
    if (this.#lane === "snapshots") this.#state = "idle";
    else this.#dial();
  }

  #backOffMs(): number {
    const { first, max } = BACKOFF_MS;
    const longestMs = Math.min(first * 2 ** Math.min(this.#failures++, 10), max);
    return longestMs / 2 + this.#context.prng.below(longestMs / 2 + 1);
  }

  #tellUnreachable(replica: ReplicaId): void {
    if (this.#toldUnreachable.has(replica)) return;
    this.#toldUnreachable.add(replica);
    this.#context.unreachable(replica);
  }

  #report(end: StreamEnd, wasOpen: boolean): void {
    const { reports } = this.#context;
    const { node, address } = this.#peer;
    if (end.kind === "refused") {
      const { reason, detail } = end.refusal;
      // It starts, or knows a newer stream of ours: neither is anybody's business.
      if (reason === "not-ready" || reason === "replaced") return;
      reports.once(node, `refuses ${reason}`, `node ${node} at ${address} refuses us: ${detail}`);
      return;
    }
    const text = wasOpen ? "lost the connection to" : "cannot reach";
    reports.once(node, text, `${text} node ${node} at ${address}: ${end.detail}`);
  }
}
