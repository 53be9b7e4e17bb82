// SPDX-License-Identifier: Apache-2.0
/**
 * What members of a group say to each other. Types only.
 *
 * `raftTerm` is the sender's own, except in what concerns a PreVote. The algorithm holds no bytes of
 * entries or snapshots, so two kinds have another form on their way out, which the host fills in.
 */

import type { Configuration } from "../log/configuration.ts";
import type { LogEntry } from "../log/entry.ts";

/** A message as it arrives. */
export type RaftMessage =
  | AppendEntries
  | InstallSnapshot
  /** Would you vote for me? Nothing is promised by the answer (thesis 9.6). */
  | {
      readonly kind: "pre-vote-request";
      /** The one in which the sender would campaign. */
      readonly raftTerm: number;
      readonly lastLogIndex: number;
      readonly lastLogRaftTerm: number;
    }
  /** With a yes the raftTerm is the request's, with a no it is the sender's own. */
  | { readonly kind: "pre-vote-response"; readonly raftTerm: number; readonly isGranted: boolean }
  | {
      readonly kind: "vote-request";
      readonly raftTerm: number;
      readonly lastLogIndex: number;
      readonly lastLogRaftTerm: number;
      /** The leader itself has asked for this election, so nobody need protect it. */
      readonly isTransfer: boolean;
    }
  | { readonly kind: "vote-response"; readonly raftTerm: number; readonly isGranted: boolean }
  /** The sender's log equals the leader's up to `matchIndex`, and that part of it is durable. */
  | {
      readonly kind: "append-entries-accepted";
      readonly raftTerm: number;
      readonly matchIndex: number;
    }
  /** The sender's log does not hold the entry before those that were sent. */
  | {
      readonly kind: "append-entries-rejected";
      readonly raftTerm: number;
      /** The request's prevLogIndex. */
      readonly rejectedIndex: number;
      /** The last entry of the sender that could equal the leader's, by its raftTerm. */
      readonly conflictIndex: number;
      readonly conflictRaftTerm: number;
      /** Where the sender's log ends; for whoever reads a trace. */
      readonly lastLogIndex: number;
    }
  | {
      readonly kind: "heartbeat";
      readonly raftTerm: number;
      /** Never beyond what the receiver is known to hold durably. */
      readonly leaderCommit: number;
      /** The newest round of reads; 0 in a mere notice of the commit, which nobody answers. */
      readonly round: number;
    }
  | { readonly kind: "heartbeat-response"; readonly raftTerm: number; readonly round: number }
  | {
      readonly kind: "install-snapshot-response";
      readonly raftTerm: number;
      readonly snapshotIndex: number;
      /** The first byte that is still wanted. */
      readonly nextOffset: number;
      /** The receiver's log holds all that the snapshot does, durably. */
      readonly isInstalled: boolean;
    }
  /** The leader wants the receiver to lead (thesis 3.10). */
  | { readonly kind: "timeout-now"; readonly raftTerm: number };

export type MessageOf<Kind extends RaftMessage["kind"]> = Extract<
  RaftMessage,
  { readonly kind: Kind }
>;

/** A message as the algorithm gives it to the host. */
export type OutgoingMessage =
  | Exclude<RaftMessage, { readonly kind: "append-entries" | "install-snapshot" }>
  | OutgoingAppendEntries
  | OutgoingInstallSnapshot;

interface AppendEntriesHead {
  readonly kind: "append-entries";
  readonly raftTerm: number;
  readonly prevLogIndex: number;
  readonly prevLogRaftTerm: number;
  readonly leaderCommit: number;
}

interface AppendEntries extends AppendEntriesHead {
  readonly entries: readonly LogEntry[];
}

interface OutgoingAppendEntries extends AppendEntriesHead {
  /** The entries to send, both ends included; none if `through` is less than `from`. */
  readonly from: number;
  readonly through: number;
}

interface InstallSnapshotHead {
  readonly kind: "install-snapshot";
  readonly raftTerm: number;
  readonly snapshotIndex: number;
  readonly snapshotRaftTerm: number;
  /** The one in use at `snapshotIndex`. */
  readonly configuration: Configuration;
  readonly totalBytes: number;
  readonly offset: number;
}

interface InstallSnapshot extends InstallSnapshotHead {
  readonly bytes: Uint8Array;
}

interface OutgoingInstallSnapshot extends InstallSnapshotHead {
  /** How many bytes of the snapshot's file to send from `offset`. */
  readonly length: number;
}
