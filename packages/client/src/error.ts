// SPDX-License-Identifier: Apache-2.0
/**
 * What the SDK throws: one class with a closed list of codes, so that a caller switches on `code`
 * and never on a message. It says what went wrong; it does not decide what to do about it.
 */

/** Whether a command took effect. */
export type Outcome = "not-applied" | "applied" | "unknown";

/** Every way in which a call, a leadership or a watch can end badly. Closed: a new one is a major version. */
export type ElectionErrorCode =
  /** The candidacy is gone and the server did not say why. */
  | "LOST"
  /** The lease ran out, or the server ended the session. */
  | "EXPIRED"
  /** An operator took the candidate out, or deleted the election. */
  | "EVICTED"
  /** Another candidate holds office now: an operator moved it, or the name was taken over. */
  | "SUPERSEDED"
  /** Belief is withheld until the server has confirmed it; the leadership may still stand. */
  | "SUSPENDED"
  /** This leadership has ended because its own holder resigned it. */
  | "RESIGNED"
  /** No leader of the partition could be reached, or the cluster refused work for now. */
  | "NO_QUORUM"
  /** The point to resume from is not in this cluster's history. */
  | "GAP"
  /** No such election or candidate. */
  | "NOT_FOUND"
  /** The `revision` asked for did not match, or a `requestId` was used with other content. */
  | "CONFLICT"
  /** An argument is out of its bounds; the message names it. */
  | "INVALID"
  /** The token does not allow this. */
  | "DENIED"
  /** A limit of the cluster is reached. */
  | "QUOTA"
  /** The client was closed. */
  | "CLOSED"
  /** The caller's signal was aborted; `cause` is its reason. */
  | "ABORTED"
  /** Time was up before an answer came. */
  | "TIMEOUT"
  /** An endpoint belongs to another cluster than the one first met. */
  | "OTHER_CLUSTER"
  /** The server broke the protocol, or failed in a way it should not. */
  | "INTERNAL";

export interface ElectionErrorOptions {
  /** Whether the same call may succeed later without anything else changing. Default false. */
  readonly retryable?: boolean;
  /** Whether the command took effect. Default `unknown`, which is always safe to assume. */
  readonly outcome?: Outcome;
  readonly cause?: unknown;
}

/** The only error that the SDK throws, and the reason of every signal that it aborts. */
export class ElectionError extends Error {
  override readonly name = "ElectionError";
  readonly code: ElectionErrorCode;
  /** Whether the same call may succeed later without anything else changing. */
  readonly retryable: boolean;
  /** Whether the command took effect. Under `unknown`, ask again with the same `requestId`. */
  readonly outcome: Outcome;

  constructor(code: ElectionErrorCode, message: string, options: ElectionErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.outcome = options.outcome ?? "unknown";
  }

  /** What was thrown, if it is an ElectionError already; else an `INTERNAL` one with it as its cause. */
  static from(thrown: unknown): ElectionError {
    if (thrown instanceof ElectionError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new ElectionError("INTERNAL", message, { cause: thrown });
  }

  /** For logs and other processes: the fields without the stack. */
  toJSON(): {
    readonly name: string;
    readonly code: ElectionErrorCode;
    readonly message: string;
    readonly retryable: boolean;
    readonly outcome: Outcome;
  } {
    const { name, code, message, retryable, outcome } = this;
    return { name, code, message, retryable, outcome };
  }
}
