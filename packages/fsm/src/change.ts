// SPDX-License-Identifier: Apache-2.0
/** The difference that one command made to one election. Types only. */

import type { PrimitiveKey } from "./key.ts";
import type { SessionId } from "./session-id.ts";
import type { CandidateView, TermView } from "./view.ts";

export type Cause =
  | "entered"
  /** A waiting candidate left of its own will. */
  | "withdrawn"
  /** The leader left of its own will. */
  | "resigned"
  | "expired"
  | "disconnected"
  | "anointed"
  | "promoted"
  | "demoted"
  | "evicted"
  | "deleted"
  | "metadata"
  | "restored";

export interface Change {
  /** The partition's revision that this change is. */
  readonly revision: bigint;
  /** The election's revision before, 0 if this is its first change since its creation. */
  readonly previousRevision: bigint;
  readonly key: PrimitiveKey;
  readonly term: bigint;
  readonly termBefore: bigint;
  /** When who led before, or last, had taken office; absent before the first. */
  readonly sinceMsBefore?: number | undefined;
  readonly leaderBefore?: CandidateView | undefined;
  readonly leader?: CandidateView | undefined;
  readonly cause: Cause;
  readonly reason: string;
  readonly timeMs: number;
  /**
   * The new list is the old one without `left` and `moved`, into which `moved` and `joined` are then
   * put at their positions, lowest first. Position 0 is the leader's. The old list is the new one by
   * the same rule: without `joined` and `moved`, with `left` and `moved` where they were before.
   */
  readonly joined: readonly Placed[];
  /** With the position before. */
  readonly left: readonly Placed[];
  readonly moved: readonly Moved[];
  /** Candidates that kept their place and have new metadata, or a new session. */
  readonly updated: readonly Updated[];
}

export interface Placed {
  readonly candidate: CandidateView;
  readonly position: number;
}

export interface Moved extends Placed {
  /** The position before. */
  readonly from: number;
}

export interface Updated {
  readonly candidate: CandidateView;
  readonly before: CandidateView;
}

export interface SessionOpened {
  readonly sessionId: SessionId;
  readonly ttlMs: number;
  readonly graceMs: number;
}

export interface SessionEnded {
  readonly sessionId: SessionId;
  readonly cause: "closed" | "expired" | "disconnected";
}

/** A session of S0 or S1 has closed a primitive, or somebody has deleted it. */
export interface PrimitiveClosed {
  readonly sessionId: SessionId;
  /** The number of the command that created it. */
  readonly primitiveId: bigint;
}

/** A message of an S0 event stream; `responseId` counts from 1 without gaps. */
export interface StreamMessage {
  readonly sessionId: SessionId;
  readonly streamId: number;
  readonly responseId: number;
  /** The `index` of the command that caused it. */
  readonly index: bigint;
  readonly type: "open" | "event" | "close";
  /** Present in, and only in, an event. */
  readonly term?: TermView;
}
