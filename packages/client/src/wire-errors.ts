// SPDX-License-Identifier: Apache-2.0
/**
 * From the server's errors to ours, and which of them are worth the same question again.
 */

import { type FrameError, Reason, Outcome as WireOutcome } from "@conclave/api";
import { ElectionError, type ElectionErrorCode, type Outcome } from "./error.ts";

/** Every reason that a server may give, so that a new one fails to compile here. */
const CODES: Readonly<Record<Reason, ElectionErrorCode | "retry" | "by-code">> = {
  [Reason.UNSPECIFIED]: "by-code",
  [Reason.INVALID_FIELD]: "INVALID",
  [Reason.NOT_A_CANDIDATE]: "NOT_FOUND",
  [Reason.HELD_BY_ANOTHER_SESSION]: "CONFLICT",
  [Reason.REVISION_MISMATCH]: "CONFLICT",
  [Reason.SESSION_ENDED]: "EXPIRED",
  [Reason.SESSION_UNKNOWN]: "EXPIRED",
  [Reason.SESSION_MISMATCH]: "INTERNAL",
  [Reason.ALREADY_ANSWERED]: "INTERNAL",
  [Reason.TOO_MANY_UNACKNOWLEDGED]: "retry",
  [Reason.REQUEST_ID_REUSED]: "CONFLICT",
  [Reason.TOO_MANY_CANDIDATES]: "QUOTA",
  [Reason.TOO_MANY_ELECTIONS]: "QUOTA",
  [Reason.TOO_MANY_SESSIONS]: "QUOTA",
  [Reason.METADATA_FULL]: "QUOTA",
  [Reason.NO_SUCH_ELECTION]: "NOT_FOUND",
  [Reason.NO_LEADER]: "retry",
  [Reason.OVERLOADED]: "retry",
  [Reason.NO_SPACE]: "retry",
  [Reason.SHUTTING_DOWN]: "retry",
  [Reason.RESUME_AHEAD]: "GAP",
  [Reason.OTHER_CLUSTER]: "OTHER_CLUSTER",
  [Reason.SLOW_WATCHER]: "retry",
  [Reason.TOO_MANY_STREAMS]: "QUOTA",
  [Reason.MEMBER_EXISTS]: "CONFLICT",
  [Reason.ADDRESS_TAKEN]: "CONFLICT",
  [Reason.NO_SUCH_MEMBER]: "NOT_FOUND",
  [Reason.LAST_MEMBER]: "CONFLICT",
  [Reason.TOO_MANY_MEMBERS]: "QUOTA",
  [Reason.CHANGE_UNDER_WAY]: "CONFLICT",
  [Reason.WOULD_LOSE_QUORUM]: "CONFLICT",
};

/** Connect's codes, for errors that come without a reason: from a proxy, or a newer server. */
const BY_CONNECT_CODE: Readonly<Record<string, ElectionErrorCode | "retry">> = {
  unavailable: "retry",
  deadline_exceeded: "retry",
  aborted: "retry",
  canceled: "retry",
  resource_exhausted: "QUOTA",
  unauthenticated: "DENIED",
  permission_denied: "DENIED",
  not_found: "NOT_FOUND",
  already_exists: "CONFLICT",
  failed_precondition: "CONFLICT",
  invalid_argument: "INVALID",
  out_of_range: "GAP",
};

/** Whether the same question may be asked again, under the same ids. */
export function isTransient(error: FrameError): boolean {
  return codeOf(error) === "retry";
}

/** What a caller is told. One that is transient becomes NO_QUORUM, for who has no time left. */
export function errorFromFrame(error: FrameError): ElectionError {
  const code = codeOf(error);
  const { field = "", bound = "" } = error.info ?? {};
  const detail = field === "" ? "" : ` (${field}: ${bound})`;
  return new ElectionError(code === "retry" ? "NO_QUORUM" : code, `${error.message}${detail}`, {
    retryable: code === "retry",
    outcome: outcomeOf(error, code),
  });
}

function codeOf(error: FrameError): ElectionErrorCode | "retry" {
  // A reason of a newer server is no key of the table.
  const code = CODES[error.info?.reason ?? Reason.UNSPECIFIED] ?? "by-code";
  return code === "by-code" ? (BY_CONNECT_CODE[error.code] ?? "INTERNAL") : code;
}

function outcomeOf(error: FrameError, code: ElectionErrorCode | "retry"): Outcome {
  switch (error.info?.outcome) {
    case WireOutcome.APPLIED:
      return "applied";
    case WireOutcome.NOT_APPLIED:
      return "not-applied";
    case WireOutcome.UNKNOWN:
      return "unknown";
    default:
      // A refusal by a rule is an answer: nothing was done.
      return code === "retry" || code === "INTERNAL" ? "unknown" : "not-applied";
  }
}
