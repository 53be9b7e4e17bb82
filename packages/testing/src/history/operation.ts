// SPDX-License-Identifier: Apache-2.0
/**
 * What a client asked and what it was answered: the history of a run, simulated or on real processes,
 * as checkers read it. Types only.
 */

/** A candidate's place at the end of a command, as its reply or a read tells it. */
export interface SeenElection {
  readonly revision: bigint;
  readonly term: bigint;
  /** Undefined: vacant. */
  readonly leader: string | undefined;
  /** The whole list as told, the leader first where there is one. */
  readonly candidates: readonly string[];
}

export type Call =
  | { readonly kind: "campaign"; readonly candidate: string }
  | { readonly kind: "resign"; readonly candidate: string; readonly term: bigint }
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
  readonly client: string;
  readonly election: string;
  readonly call: Call;
  readonly startNs: bigint;
  /** Undefined: it had not ended when the run did. */
  readonly endNs: bigint | undefined;
  readonly result: Result | undefined;
}
