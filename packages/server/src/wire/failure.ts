// SPDX-License-Identifier: Apache-2.0
/**
 * Why a request was not served, as a value: a reason of the API, what became of the command, and the
 * Connect code that says it. The only table from reasons to codes.
 */

import { create } from "@bufbuild/protobuf";
import { ErrorInfoSchema, type FrameError, FrameErrorSchema, Outcome, Reason } from "@conclave/api";
import type { Command, RefusalReason, Refused } from "@conclave/fsm";
import { Code, ConnectError } from "@connectrpc/connect";
import type { SubmissionOutcome } from "../replica/proposals.ts";
import type { ReadFailure } from "../replica/reads.ts";
import type { WatchEnd } from "../replica/watch.ts";

/** Every reason of the native API, in our words. */
export type FailureReason =
  | Exclude<RefusalReason, DialectReason>
  | "no_leader"
  | "overloaded"
  | "no_space"
  | "shutting_down"
  | "resume_ahead"
  | "other_cluster"
  | "slow_watcher"
  | "not_ones_own"
  | "outcome_unknown"
  | "node_unreachable"
  | "no_such_member"
  | "last_member"
  | "member_exists"
  | "address_taken"
  | "too_many_members"
  | "change_under_way"
  | "would_lose_quorum";

/** What only the older dialects are refused for. */
type DialectReason = "out_of_order" | "not_created" | "permission_denied" | "invalid_restore";

export interface Failure {
  readonly kind: "failure";
  readonly reason: FailureReason;
  readonly outcome: "not-applied" | "applied" | "unknown";
  /** For `invalid_field`, the path in the request and what it must keep to. */
  readonly field?: string;
  readonly bound?: string;
}

interface Row {
  readonly code: Code;
  readonly reason: Reason;
  readonly message: string;
}

const ROWS: Record<FailureReason, Row> = {
  invalid_field: {
    code: Code.InvalidArgument,
    reason: Reason.INVALID_FIELD,
    message: "a field is out of its bounds",
  },
  not_a_candidate: {
    code: Code.NotFound,
    reason: Reason.NOT_A_CANDIDATE,
    message: "the election has no such candidate",
  },
  held_by_another_session: {
    code: Code.AlreadyExists,
    reason: Reason.HELD_BY_ANOTHER_SESSION,
    message: "another session holds the candidate's name",
  },
  not_ones_own: {
    code: Code.FailedPrecondition,
    reason: Reason.HELD_BY_ANOTHER_SESSION,
    message: "the candidate is another session's; operators use Evict",
  },
  revision_mismatch: {
    code: Code.FailedPrecondition,
    reason: Reason.REVISION_MISMATCH,
    message: "the election is at another revision",
  },
  session_ended: {
    code: Code.FailedPrecondition,
    reason: Reason.SESSION_ENDED,
    message: "the session has ended on this partition and never comes back there",
  },
  session_unknown: {
    code: Code.FailedPrecondition,
    reason: Reason.SESSION_UNKNOWN,
    message: "the session is not registered on the election's partition",
  },
  session_mismatch: {
    code: Code.FailedPrecondition,
    reason: Reason.SESSION_MISMATCH,
    message: "the session is open under other options",
  },
  already_answered: {
    code: Code.FailedPrecondition,
    reason: Reason.ALREADY_ANSWERED,
    message: "the command's number was acknowledged as answered",
  },
  too_many_unacknowledged: {
    code: Code.ResourceExhausted,
    reason: Reason.TOO_MANY_UNACKNOWLEDGED,
    message: "too many answers of the session are not acknowledged",
  },
  request_id_reused: {
    code: Code.InvalidArgument,
    reason: Reason.REQUEST_ID_REUSED,
    message: "the request id was used with other content",
  },
  too_many_candidates: {
    code: Code.ResourceExhausted,
    reason: Reason.TOO_MANY_CANDIDATES,
    message: "the election holds as many candidates as it may",
  },
  too_many_elections: {
    code: Code.ResourceExhausted,
    reason: Reason.TOO_MANY_ELECTIONS,
    message: "the partition holds as many elections as it may",
  },
  too_many_sessions: {
    code: Code.ResourceExhausted,
    reason: Reason.TOO_MANY_SESSIONS,
    message: "the partition holds as many sessions as it may",
  },
  metadata_full: {
    code: Code.ResourceExhausted,
    reason: Reason.METADATA_FULL,
    message: "the metadata of the election's candidates is as large as it may be",
  },
  no_such_election: {
    code: Code.NotFound,
    reason: Reason.NO_SUCH_ELECTION,
    message: "there is no such election",
  },
  too_many_streams: {
    code: Code.ResourceExhausted,
    reason: Reason.TOO_MANY_STREAMS,
    message: "too many watches are open",
  },
  no_leader: {
    code: Code.Unavailable,
    reason: Reason.NO_LEADER,
    message: "no leader of the partition could be reached in time",
  },
  overloaded: {
    code: Code.ResourceExhausted,
    reason: Reason.OVERLOADED,
    message: "too much waits for the partition's log",
  },
  no_space: {
    code: Code.ResourceExhausted,
    reason: Reason.NO_SPACE,
    message: "the disk of the partition's leader is full",
  },
  shutting_down: {
    code: Code.Unavailable,
    reason: Reason.SHUTTING_DOWN,
    message: "the node is shutting down",
  },
  resume_ahead: {
    code: Code.OutOfRange,
    reason: Reason.RESUME_AHEAD,
    message: "the resume point is ahead of what the partition has reached",
  },
  other_cluster: {
    code: Code.FailedPrecondition,
    reason: Reason.OTHER_CLUSTER,
    message: "the resume point is of another cluster",
  },
  slow_watcher: {
    code: Code.ResourceExhausted,
    reason: Reason.SLOW_WATCHER,
    message: "the watcher did not read what was sent to it",
  },
  no_such_member: {
    code: Code.NotFound,
    reason: Reason.NO_SUCH_MEMBER,
    message: "no member has this number",
  },
  last_member: {
    code: Code.FailedPrecondition,
    reason: Reason.LAST_MEMBER,
    message: "the last member cannot be removed",
  },
  member_exists: {
    code: Code.AlreadyExists,
    reason: Reason.MEMBER_EXISTS,
    message: "the node is a member under another address",
  },
  address_taken: {
    code: Code.AlreadyExists,
    reason: Reason.ADDRESS_TAKEN,
    message: "the address is another member's",
  },
  too_many_members: {
    code: Code.ResourceExhausted,
    reason: Reason.TOO_MANY_MEMBERS,
    message: "the cluster has as many members as it may",
  },
  change_under_way: {
    code: Code.FailedPrecondition,
    reason: Reason.CHANGE_UNDER_WAY,
    message: "an earlier change of members is not done in every partition; see `cluster status`",
  },
  would_lose_quorum: {
    code: Code.FailedPrecondition,
    reason: Reason.WOULD_LOSE_QUORUM,
    message: "the members that can be reached would not be a majority any more",
  },
  outcome_unknown: {
    code: Code.Unavailable,
    reason: Reason.NO_LEADER,
    message: "the command was not answered in time; ask again under the same ids",
  },
  node_unreachable: {
    code: Code.Unavailable,
    reason: Reason.NO_LEADER,
    message: "the node that would know did not answer in time, or is of a version that cannot",
  },
};

const OUTCOMES: Record<Failure["outcome"], Outcome> = {
  "not-applied": Outcome.NOT_APPLIED,
  applied: Outcome.APPLIED,
  unknown: Outcome.UNKNOWN,
};

/** The text forms of the codes, as Connect writes them. */
const CODE_TEXTS: Partial<Record<Code, string>> = {
  [Code.InvalidArgument]: "invalid_argument",
  [Code.NotFound]: "not_found",
  [Code.AlreadyExists]: "already_exists",
  [Code.FailedPrecondition]: "failed_precondition",
  [Code.ResourceExhausted]: "resource_exhausted",
  [Code.Unavailable]: "unavailable",
  [Code.OutOfRange]: "out_of_range",
};

/** A failure that changed nothing. */
export function notApplied(reason: FailureReason): Failure {
  return { kind: "failure", reason, outcome: "not-applied" };
}

/** @param field the path in the request, in the spelling of the proto, for instance `election.name`. */
export function invalidField(field: string, bound: string): Failure {
  return { kind: "failure", reason: "invalid_field", outcome: "not-applied", field, bound };
}

/** What a unary call throws. */
export function connectErrorOf(failure: Failure): ConnectError {
  const { code } = ROWS[failure.reason];
  const details = [{ desc: ErrorInfoSchema, value: infoOf(failure) }];
  return new ConnectError(messageOf(failure), code, undefined, details);
}

/** What a frame carries instead of a reply. */
export function frameErrorOf(failure: Failure): FrameError {
  const code = CODE_TEXTS[ROWS[failure.reason].code] ?? "unknown";
  return create(FrameErrorSchema, { code, message: messageOf(failure), info: infoOf(failure) });
}

/**
 * A refusal of the state machine.
 *
 * @param command what was refused: to enter under a name that another session holds is a conflict of
 *   names, to withdraw its candidate a mistake (semantics A1).
 */
export function failureOfRefusal(refused: Refused, command: Command["kind"]): Failure {
  const { reason } = refused;
  switch (reason) {
    case "out_of_order":
    case "not_created":
    case "permission_denied":
    case "invalid_restore":
      // Only dialect commands are refused so, and none is proposed here.
      return notApplied("session_unknown");
    case "held_by_another_session":
      return notApplied(command === "enter" ? "held_by_another_session" : "not_ones_own");
    case "invalid_field":
      return invalidField(refused.field ?? "", refused.bound ?? "");
    default:
      return notApplied(reason);
  }
}

/** A submission that brought no replies. */
export function failureOfSubmission(
  outcome: Exclude<SubmissionOutcome, { kind: "replied" }>,
): Failure {
  if (outcome.kind === "unknown") {
    return { kind: "failure", reason: "outcome_unknown", outcome: "unknown" };
  }
  switch (outcome.reason) {
    case "no-leader":
      return notApplied("no_leader");
    case "no-space":
      return notApplied("no_space");
    case "shutting-down":
      return notApplied("shutting_down");
    default:
      return notApplied(outcome.reason);
  }
}

export function failureOfRead({ reason }: ReadFailure): Failure {
  if (reason === "overloaded") return notApplied("overloaded");
  return notApplied(reason === "stopped" ? "shutting_down" : "no_leader");
}

export function failureOfWatch(end: WatchEnd): Failure {
  switch (end) {
    case "slow-watcher":
      return notApplied("slow_watcher");
    case "resume-ahead":
      return notApplied("resume_ahead");
    case "shutting-down":
      return notApplied("shutting_down");
    default:
      // `replaced`: to be opened again, which resumes; `no-leader`: likewise, later.
      return notApplied("no_leader");
  }
}

function messageOf({ reason, field, bound }: Failure): string {
  if (reason !== "invalid_field") return ROWS[reason].message;
  return `${field}: ${bound}`;
}

function infoOf({ reason, outcome, field = "", bound = "" }: Failure) {
  return { reason: ROWS[reason].reason, outcome: OUTCOMES[outcome], field, bound };
}
