// SPDX-License-Identifier: Apache-2.0
/**
 * What a client asked and what it was answered: the history of a run, simulated or on real processes,
 * as checkers read it. Types only.
 */

/** An election as a reply or a read tells it. */
export interface SeenElection {
  /** Of its last change; 0 where it does not exist. */
  readonly revision: bigint;
  readonly term: bigint;
  /** Undefined: vacant. */
  readonly leader: string | undefined;
  /** The whole list as told, the leader first where there is one. */
  readonly candidates: readonly string[];
}

/**
 * - `campaign`: enters, again where its session ended while it waited, until it leads or gives up.
 * - `resign`: withdraws the candidate. One that took as long as the lease had left is `unknown`: it
 *   returns then, whether the server has answered or not.
 */
export type Call =
  | {
      readonly kind: "campaign";
      readonly candidate: string;
      /** Takes the candidacy over where another client holds the name. Default: waits for it. */
      readonly takeover?: boolean;
    }
  | { readonly kind: "resign"; readonly candidate: string; readonly term: bigint }
  /** Replaces the candidate's metadata by others: a change of which readings show nothing else. */
  | { readonly kind: "update"; readonly candidate: string }
  | { readonly kind: "get"; readonly read: "linearizable" | "stale" }
  | { readonly kind: "check-fence"; readonly term: bigint }
  | {
      readonly kind: "anoint" | "promote" | "demote" | "evict";
      readonly candidate: string;
      readonly ifRevision: bigint | undefined;
      readonly requestId: string | undefined;
    }
  | { readonly kind: "delete"; readonly ifRevision: bigint | undefined };

export type Result =
  /** `campaign`: the office it won. The revision is not told to everybody. */
  | { readonly kind: "led"; readonly term: bigint; readonly revision: bigint | undefined }
  | { readonly kind: "view"; readonly view: SeenElection }
  | {
      readonly kind: "fence";
      readonly status: string;
      readonly term: bigint;
      readonly revision: bigint;
    }
  | { readonly kind: "done" }
  /** Certainly not carried out; the code of the SDK's error. */
  | { readonly kind: "refused"; readonly code: string }
  /** No answer, or one that leaves it open: it may have happened, happen later, or never. */
  | { readonly kind: "unknown"; readonly code: string };

/** One operation of one client on one election. Times are monotonic nanoseconds of one clock. */
export interface Operation {
  /** One life of one process: a client that starts again has another name. */
  readonly client: string;
  readonly election: string;
  readonly call: Call;
  readonly startNs: bigint;
  /** Undefined: it had not ended when the run did. */
  readonly endNs: bigint | undefined;
  readonly result: Result | undefined;
}

/**
 * A candidate may leave without an operation that says so, any number of times within this time: its
 * session may end, or its client withdraws it behind the scenes once it has lost its office.
 */
export interface MayLeave {
  readonly election: string;
  readonly candidate: string;
  /** Whose candidacy; undefined: whoever holds the name. */
  readonly client: string | undefined;
  readonly fromNs: bigint;
  /** Undefined: for ever. */
  readonly untilNs: bigint | undefined;
}

/** What an election is before the first operation. */
export interface Beginning {
  readonly exists: boolean;
  readonly term: bigint;
  /** Of its last change; 0 where it does not exist. */
  readonly revision: bigint;
}

export interface History {
  readonly operations: readonly Operation[];
  readonly mayLeave: readonly MayLeave[];
  /** Of a cluster that was restored from a backup. Default: nothing has ever been. */
  readonly beginningOf?: (election: string) => Beginning;
}
