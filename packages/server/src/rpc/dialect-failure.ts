// SPDX-License-Identifier: Apache-2.0
/**
 * Why a call of a dialect was not served, in the originals' words, and the gRPC code that says it
 * (semantics 4.6). S0 and S1 say some of it within their answers instead.
 */

import type { RefusalReason, Refused } from "@conclave/fsm";
import { Code, ConnectError } from "@connectrpc/connect";
import type { SubmissionOutcome } from "../replica/proposals.ts";
import type { ReadFailure } from "../replica/reads.ts";
import type { WatchEnd } from "../replica/watch.ts";
import type { DialectName } from "./dialect-options.ts";

export type DialectCause =
  | "not-found"
  | "forbidden"
  | "conflict"
  | "invalid"
  /** To be tried again: nothing happened, or it is safe to repeat. */
  | "unavailable"
  /** It may have taken effect, and repeating it would not be the same. */
  | "timeout"
  /** Something that the caller has to bring is missing: a session. */
  | "precondition"
  | "exhausted";

export interface DialectFailure {
  readonly kind: "dialect-failure";
  readonly cause: DialectCause;
  readonly message: string;
  /** What the state machine refused it for, where that did. */
  readonly refusal?: RefusalReason;
}

const CODES: Readonly<Record<DialectCause, Code>> = {
  "not-found": Code.NotFound,
  forbidden: Code.PermissionDenied,
  conflict: Code.Aborted,
  invalid: Code.InvalidArgument,
  unavailable: Code.Unavailable,
  timeout: Code.DeadlineExceeded,
  precondition: Code.FailedPrecondition,
  exhausted: Code.ResourceExhausted,
};

export function dialectFailure(cause: DialectCause, message: string): DialectFailure {
  return { kind: "dialect-failure", cause, message };
}

export function isDialectFailure(value: object): value is DialectFailure {
  return "kind" in value && value.kind === "dialect-failure";
}

/** What a call throws across its service's door. */
export function dialectErrorOf(
  { cause, message }: DialectFailure,
  dialect: DialectName,
): ConnectError {
  // The proxy of S4's time had another word for a conflict.
  if (cause === "conflict" && dialect === "s4") {
    return new ConnectError(message, Code.FailedPrecondition);
  }
  return new ConnectError(message, CODES[cause]);
}

/** A refusal of the state machine. */
export function failureOfDialectRefusal(refused: Refused): DialectFailure {
  return { ...saying(refused), refusal: refused.reason };
}

function saying({ reason, field, bound }: Refused): DialectFailure {
  switch (reason) {
    case "invalid_field":
      return dialectFailure("invalid", `${field}: ${bound}`);
    case "invalid_restore":
      return dialectFailure("invalid", "the snapshot cannot be: term, leader or participants");
    case "request_id_reused":
      return dialectFailure("invalid", "the request id was used with other content");
    case "session_unknown":
    case "session_ended":
    case "session_mismatch":
      return dialectFailure("forbidden", "session not found");
    case "not_created":
      return dialectFailure("forbidden", "primitive not found: it is not created, or closed");
    case "permission_denied":
      return dialectFailure("forbidden", "the candidate is another principal's");
    case "already_answered":
      return dialectFailure("conflict", "the number was answered and acknowledged, or given up");
    case "out_of_order":
      return dialectFailure("unavailable", "a number before this one is missing");
    case "no_such_election":
    case "not_a_candidate":
      return dialectFailure("not-found", "not found");
    default:
      return dialectFailure("exhausted", reason.replaceAll("_", " "));
  }
}

/**
 * A submission that brought no replies.
 *
 * @param isRepeatable asking again does what asking once does.
 */
export function failureOfDialectSubmission(
  outcome: Exclude<SubmissionOutcome, { kind: "replied" }>,
  isRepeatable: boolean,
): DialectFailure {
  if (outcome.kind === "unknown") {
    const message = "not answered in time; it may have taken effect";
    return dialectFailure(isRepeatable ? "unavailable" : "timeout", message);
  }
  return dialectFailure("unavailable", `not taken: ${outcome.reason}`);
}

export function failureOfDialectRead({ reason }: ReadFailure): DialectFailure {
  return dialectFailure("unavailable", `not read: ${reason}`);
}

/** Watches of the dialects that live in a node's memory are opened again by their clients (A3). */
export function failureOfDialectWatch(end: WatchEnd): DialectFailure {
  if (end === "slow-watcher") return dialectFailure("exhausted", "the watcher did not read");
  return dialectFailure("unavailable", `the watch ended: ${end}; open it again`);
}
