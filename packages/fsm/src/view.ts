// SPDX-License-Identifier: Apache-2.0
/** What a reader sees of a partition. Types only. */

import type { Metadata } from "./command.ts";
import type { PrimitiveKey } from "./key.ts";
import type { SessionId } from "./session-id.ts";

export interface CandidateView {
  readonly name: string;
  /** A secret: whoever shows a view replaces it. */
  readonly sessionId: SessionId;
  readonly metadata: Metadata;
}

export interface ElectionView {
  readonly key: PrimitiveKey;
  /** The revision of the last change of this election, 0 before the first. */
  readonly revision: bigint;
  /** The fencing number. */
  readonly term: bigint;
  /** What S0 to S4 report: 0 until it has been led since its creation. */
  readonly reportedTerm: bigint;
  /** Absent when the office is vacant. */
  readonly leader?: CandidateView;
  /** Those who wait, next first, without the leader. */
  readonly queue: readonly CandidateView[];
  /** When the present or last leader took office, in Unix milliseconds; absent before the first. */
  readonly sinceMs?: number;
  /** When it last changed, in Unix milliseconds; absent before the first change. */
  readonly changedMs?: number;
  /** The partition's revision at which this was read. */
  readonly asOfRevision: bigint;
}

/** What an election was at an earlier revision, as far as a change tells of it. */
export type PastView = Omit<ElectionView, "reportedTerm" | "changedMs">;

/** An election as the dialects see it; see projection.ts for their two ways to publish the list. */
export interface TermView {
  /** The reported term. */
  readonly term: bigint;
  readonly sinceMs?: number;
  readonly changedMs?: number;
  /** The whole list, leader first. */
  readonly candidates: readonly string[];
}

export interface SessionView {
  readonly sessionId: SessionId;
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly labels: Metadata;
  readonly principal: string;
  /** The revision of the last gain or loss of office by this session here, 0 before the first. */
  readonly officeRevision: bigint;
  readonly candidacies: readonly CandidacyView[];
}

export interface CandidacyView {
  readonly key: PrimitiveKey;
  readonly candidate: string;
  readonly leading: boolean;
  readonly term: bigint;
  readonly revision: bigint;
}

/** Whether a term still holds office (semantics A1, CheckFence). Only `current` is a yes. */
export interface FenceView {
  readonly status: "current" | "vacant" | "superseded" | "unknown";
  /** The highest term issued so far. */
  readonly term: bigint;
  readonly asOfRevision: bigint;
}
