// SPDX-License-Identifier: Apache-2.0
/**
 * The state of one partition. It is changed by `apply` alone, and rebuilt by `restore`.
 *
 * Nothing in it depends on anything but the log: maps are walked only where their order is that of
 * the log, or after sorting.
 */

import { defaultLimits, type Limits } from "./limits.ts";
import type { InvitedMember, Member } from "./member.ts";
import type { Election, Session } from "./records.ts";
import type { Reply } from "./reply.ts";
import type { SessionId } from "./session-id.ts";
import { createSortedTexts, type SortedTexts } from "./sorted-texts.ts";

export interface PartitionState {
  readonly limits: Limits;
  /** Rises by one with every change of any election here. */
  revision: bigint;
  /** Rises by one with every command: what S0 and S1 call the index. */
  index: bigint;
  /** The time of the last entry, in Unix milliseconds. Never falls. For showing only. */
  timeMs: number;
  /** The level of entries that the cluster allows. Never falls. */
  level: number;
  /** Names without a tombstone start from this term. */
  termFloor: bigint;
  /** By the text of their keys. */
  readonly elections: Map<string, Election>;
  readonly keys: SortedTexts;
  /** The vacant and unbound elections, the one that has been so for longest first. */
  readonly idle: Set<Election>;
  /** Names that are gone but had a leader, oldest first. */
  readonly tombstones: Map<string, Tombstone>;
  readonly sessions: Map<SessionId, Session>;
  /** The sessions that ended last, oldest first. */
  readonly endedSessions: Set<SessionId>;
  /** Replies to commands with a request id, oldest first. */
  readonly requestReplies: Map<string, RequestReply>;
  /** Partition 1 only: the cluster's members, by node. Replaced, never changed. */
  members: readonly Member[];
  /** Partition 1 only: nodes that were added and have not reported in yet, by node. */
  invited: readonly InvitedMember[];
}

export interface Tombstone {
  readonly term: bigint;
  /** It was folded away for room and not deleted, so the dialects go on seeing its term. */
  readonly isFolded: boolean;
}

interface RequestReply {
  /** What the command asked for: a retry must ask for the same. */
  readonly content: string;
  readonly reply: Reply;
}

/** An empty partition. */
export function createPartition(
  options: { readonly limits?: Partial<Limits> } = {},
): PartitionState {
  return {
    limits: { ...defaultLimits, ...options.limits },
    revision: 0n,
    index: 0n,
    timeMs: 0,
    level: 1,
    termFloor: 0n,
    elections: new Map(),
    keys: createSortedTexts(),
    idle: new Set(),
    tombstones: new Map(),
    sessions: new Map(),
    endedSessions: new Set(),
    requestReplies: new Map(),
    members: [],
    invited: [],
  };
}
