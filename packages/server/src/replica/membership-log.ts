// SPDX-License-Identifier: Apache-2.0
/**
 * A replicated log as its members see it: who is in its configuration, how far they are, who leads.
 *
 * Types only. A Raft group satisfies it; an engine that manages its own members need not.
 */

import type { LogRole } from "./replicated-log.ts";

/** Replicas, each a node and an incarnation (`replicaIdOf` of `@conclave/raft`). */
export interface LogConfiguration {
  readonly voters: readonly number[];
  /** Not empty while a change is under way: a majority of these is needed too. */
  readonly outgoing: readonly number[];
  readonly learners: readonly number[];
}

/** What a leader knows of another replica. */
export interface LogPeer {
  readonly replica: number;
  readonly matchIndex: number;
  /** Heard of within an election timeout. */
  readonly isActive: boolean;
  readonly isLearner: boolean;
  readonly state: "probe" | "replicate" | "snapshot";
}

export interface LogStatus {
  readonly raftTerm: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly lastIndex: number;
  readonly configuration: LogConfiguration;
  /** All replicas but this one; empty unless this one leads. */
  readonly peers: readonly LogPeer[];
}

export interface MembershipLog {
  readonly role: LogRole;
  status(): LogStatus;
  /** Asks for a configuration; answered when the change has begun, or why it cannot. */
  changeConfiguration(
    voters: readonly number[],
    learners: readonly number[],
  ): Promise<
    | { readonly kind: "begun"; readonly index: number }
    | { readonly kind: "refused"; readonly reason: string }
  >;
  /** Has nothing applied to the state until the function that it returns is called. */
  hold(): () => void;
  /** Asks the leader, if it is this replica, to hand over to the voter of `toNode`. May come to nothing. */
  transfer(toNode: number): void;
}
