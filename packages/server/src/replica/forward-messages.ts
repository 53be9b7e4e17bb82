// SPDX-License-Identifier: Apache-2.0
/**
 * What a node asks of a partition's leader for its own clients, and what it is answered, as bytes:
 * conclave.peer.v1.ForwardRequest and ForwardAnswer.
 *
 * Both carry the sender's wall clock. What cannot be read is undefined, never thrown: another
 * version may have written it.
 */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type ForwardAnswer as AnswerMessage,
  ForwardAnswerSchema,
  ForwardRequestSchema,
  NotAppliedReason as ReasonNumber,
  type ForwardRequest as RequestMessage,
  RenewalAnswerStatus as StatusNumber,
  type SubmissionAnswer as SubmissionAnswerMessage,
} from "@conclave/api/forward";
import { unreachable } from "@conclave/base";
import {
  type Command,
  decodeEntry,
  decodeReplies,
  encodeEntry,
  encodeReplies,
  type SessionId,
} from "@conclave/fsm";
import type { AttachmentId } from "./deadlines.ts";
import type { LedOutcome } from "./proposals.ts";
import type { LeaseOutcome } from "./renewals.ts";

export type ForwardRequest =
  | {
      readonly kind: "submissions";
      readonly partition: number;
      readonly submissions: readonly ForwardedSubmission[];
    }
  | {
      readonly kind: "renewals";
      readonly partition: number;
      readonly renewals: readonly ForwardedRenewal[];
    }
  | {
      readonly kind: "disconnects";
      readonly partition: number;
      readonly disconnects: readonly ForwardedDisconnect[];
    }
  | { readonly kind: "confirm"; readonly partition: number }
  | { readonly kind: "clock" };

export interface ForwardedSubmission {
  readonly commands: readonly Command[];
  readonly remainingMs: number;
  readonly mayUseReserve: boolean;
  readonly attachment: AttachmentId | undefined;
}

interface ForwardedRenewal {
  readonly sessionId: SessionId;
  readonly number: bigint;
  readonly attachment: AttachmentId | undefined;
}

export interface ForwardedDisconnect {
  readonly sessionId: SessionId;
  readonly attachment: AttachmentId;
}

export type ForwardAnswer =
  /** It does not lead the partition, or cannot read the request: nothing was done. */
  | { readonly kind: "not-led" }
  | { readonly kind: "submissions"; readonly answers: readonly SubmissionAnswer[] }
  | { readonly kind: "renewals"; readonly leases: readonly LeaseOutcome[] }
  | { readonly kind: "confirmed"; readonly index: number; readonly raftTerm: number }
  | { readonly kind: "overloaded" }
  | { readonly kind: "done" };

export interface SubmissionAnswer {
  readonly outcome: LedOutcome;
  readonly isLeased: boolean;
}

/** A request or an answer with the wall clock of the node that sent it, in Unix milliseconds. */
export interface Stamped<T> {
  readonly wallMs: number;
  readonly message: T;
}

export function encodeRequest({ wallMs, message }: Stamped<ForwardRequest>): Uint8Array {
  const partition = message.kind === "clock" ? 0 : message.partition;
  const request = requestMessageOf(message);
  const stamped = create(ForwardRequestSchema, { wallMs: BigInt(wallMs), partition, request });
  return toBinary(ForwardRequestSchema, stamped);
}

export function decodeRequest(bytes: Uint8Array): Stamped<ForwardRequest> | undefined {
  try {
    const { wallMs, partition, request } = fromBinary(ForwardRequestSchema, bytes);
    const message = requestOf(partition, request);
    return message && { wallMs: Number(wallMs), message };
  } catch {
    return undefined;
  }
}

export function encodeAnswer({ wallMs, message }: Stamped<ForwardAnswer>): Uint8Array {
  const answer = answerMessageOf(message);
  const stamped = create(ForwardAnswerSchema, { wallMs: BigInt(wallMs), answer });
  return toBinary(ForwardAnswerSchema, stamped);
}

export function decodeAnswer(bytes: Uint8Array): Stamped<ForwardAnswer> | undefined {
  try {
    const { wallMs, answer } = fromBinary(ForwardAnswerSchema, bytes);
    const message = answerOf(answer);
    return message && { wallMs: Number(wallMs), message };
  } catch {
    return undefined;
  }
}

function requestMessageOf(request: ForwardRequest): RequestMessage["request"] {
  switch (request.kind) {
    case "submissions": {
      const submissions = request.submissions.map((item) => ({
        $typeName: "conclave.peer.v1.ForwardedSubmission" as const,
        entry: encodeEntry({ timeMs: 0, commands: item.commands }),
        remainingMs: Math.max(0, Math.ceil(item.remainingMs)),
        mayUseReserve: item.mayUseReserve,
        attachment: BigInt(item.attachment ?? 0),
      }));
      const value = { $typeName: "conclave.peer.v1.ForwardedSubmissions", submissions } as const;
      return { case: "submissions", value };
    }
    case "renewals": {
      const renewals = request.renewals.map(({ sessionId, number, attachment }) => ({
        $typeName: "conclave.peer.v1.ForwardedRenewal" as const,
        sessionId,
        number,
        attachment: BigInt(attachment ?? 0),
      }));
      const value = { $typeName: "conclave.peer.v1.ForwardedRenewals", renewals } as const;
      return { case: "renewals", value };
    }
    case "disconnects": {
      const disconnects = request.disconnects.map(({ sessionId, attachment }) => ({
        $typeName: "conclave.peer.v1.ForwardedDisconnect" as const,
        sessionId,
        attachment: BigInt(attachment),
      }));
      const value = { $typeName: "conclave.peer.v1.ForwardedDisconnects", disconnects } as const;
      return { case: "disconnects", value };
    }
    case "confirm":
      return { case: "confirm", value: { $typeName: "conclave.peer.v1.ForwardedConfirm" } };
    case "clock":
      return { case: "clock", value: { $typeName: "conclave.peer.v1.ForwardedClock" } };
    default:
      return unreachable(request);
  }
}

function requestOf(
  partition: number,
  request: RequestMessage["request"],
): ForwardRequest | undefined {
  switch (request.case) {
    case "submissions": {
      const submissions: ForwardedSubmission[] = [];
      for (const { entry, remainingMs, mayUseReserve, attachment } of request.value.submissions) {
        const decoded = decodeEntry(entry);
        if (decoded.kind !== "entry") return undefined;
        const { commands } = decoded.entry;
        const shared = { remainingMs, mayUseReserve, attachment: attachmentOf(attachment) };
        submissions.push({ commands, ...shared });
      }
      return { kind: "submissions", partition, submissions };
    }
    case "renewals": {
      const renewals = request.value.renewals.map(({ sessionId, number, attachment }) => {
        return { sessionId, number, attachment: attachmentOf(attachment) };
      });
      return { kind: "renewals", partition, renewals };
    }
    case "disconnects": {
      const disconnects = request.value.disconnects.map(({ sessionId, attachment }) => {
        return { sessionId, attachment: Number(attachment) };
      });
      return { kind: "disconnects", partition, disconnects };
    }
    case "confirm":
      return { kind: "confirm", partition };
    case "clock":
      return { kind: "clock" };
    default:
      return undefined;
  }
}

function attachmentOf(attachment: bigint): AttachmentId | undefined {
  return attachment === 0n ? undefined : Number(attachment);
}

function answerMessageOf(answer: ForwardAnswer): AnswerMessage["answer"] {
  switch (answer.kind) {
    case "not-led":
      return { case: "notLed", value: { $typeName: "conclave.peer.v1.NotLed" } };
    case "submissions": {
      const answers = answer.answers.map(submissionMessageOf);
      const value = { $typeName: "conclave.peer.v1.SubmissionAnswers", answers } as const;
      return { case: "submissions", value };
    }
    case "renewals": {
      const answers = answer.leases.map((lease) => ({
        $typeName: "conclave.peer.v1.RenewalAnswer" as const,
        status: STATUS_NUMBERS[lease.kind],
        number: lease.kind === "confirmed" ? lease.number : 0n,
        officeRevision: lease.kind === "confirmed" ? lease.officeRevision : 0n,
      }));
      const value = { $typeName: "conclave.peer.v1.RenewalAnswers", answers } as const;
      return { case: "renewals", value };
    }
    case "confirmed":
    case "overloaded": {
      const { index, raftTerm } = answer.kind === "confirmed" ? answer : { index: 0, raftTerm: 0 };
      const $typeName = "conclave.peer.v1.ConfirmAnswer";
      const value = { $typeName, index: BigInt(index), raftTerm: BigInt(raftTerm) } as const;
      return { case: "confirm", value };
    }
    case "done":
      return { case: "done", value: { $typeName: "conclave.peer.v1.ForwardDone" } };
    default:
      return unreachable(answer);
  }
}

function answerOf(answer: AnswerMessage["answer"]): ForwardAnswer | undefined {
  switch (answer.case) {
    case "notLed":
      return { kind: "not-led" };
    case "submissions": {
      const answers: SubmissionAnswer[] = [];
      for (const message of answer.value.answers) {
        const one = submissionAnswerOf(message);
        if (one === undefined) return undefined;
        answers.push(one);
      }
      return { kind: "submissions", answers };
    }
    case "renewals":
      return { kind: "renewals", leases: answer.value.answers.map(leaseOf) };
    case "confirm": {
      const { index, raftTerm } = answer.value;
      if (index === 0n) return { kind: "overloaded" };
      return { kind: "confirmed", index: Number(index), raftTerm: Number(raftTerm) };
    }
    case "done":
      return { kind: "done" };
    default:
      return undefined;
  }
}

function submissionMessageOf({ outcome, isLeased }: SubmissionAnswer): SubmissionAnswerMessage {
  const $typeName = "conclave.peer.v1.SubmissionAnswer";
  switch (outcome.kind) {
    case "replied": {
      const replies = encodeReplies(outcome.replies);
      const index = BigInt(outcome.index);
      const applied = { $typeName: "conclave.peer.v1.AppliedSubmission" as const, isLeased };
      return { $typeName, outcome: { case: "applied", value: { ...applied, replies, index } } };
    }
    case "unknown":
      return {
        $typeName,
        outcome: { case: "unknown", value: { $typeName: "conclave.peer.v1.OutcomeUnknown" } },
      };
    default: {
      const value = {
        $typeName: "conclave.peer.v1.NotApplied",
        reason: reasonOf(outcome),
      } as const;
      return { $typeName, outcome: { case: "notApplied", value } };
    }
  }
}

/** A leader that stops, or has lost its leadership, is no leader to the node that asks. */
function reasonOf(outcome: LedOutcome): ReasonNumber {
  if (outcome.kind !== "not-applied") return ReasonNumber.NOT_LED;
  if (outcome.reason === "overloaded") return ReasonNumber.OVERLOADED;
  return outcome.reason === "no-space" ? ReasonNumber.NO_SPACE : ReasonNumber.NOT_LED;
}

function submissionAnswerOf({ outcome }: SubmissionAnswerMessage): SubmissionAnswer | undefined {
  switch (outcome.case) {
    case "applied": {
      const decoded = decodeReplies(outcome.value.replies);
      if (decoded.kind !== "replies") return undefined;
      const { replies } = decoded;
      const { index, isLeased } = outcome.value;
      return { outcome: { kind: "replied", replies, index: Number(index) }, isLeased };
    }
    case "notApplied":
      return { outcome: notAppliedOf(outcome.value.reason), isLeased: false };
    case "unknown":
      return { outcome: { kind: "unknown" }, isLeased: false };
    default:
      return undefined;
  }
}

function notAppliedOf(reason: ReasonNumber): LedOutcome {
  switch (reason) {
    case ReasonNumber.OVERLOADED:
      return { kind: "not-applied", reason: "overloaded" };
    case ReasonNumber.NO_SPACE:
      return { kind: "not-applied", reason: "no-space" };
    case ReasonNumber.NOT_LED:
      return { kind: "not-led" };
    default:
      // A reason that this version does not know: it may mean anything.
      return { kind: "unknown" };
  }
}

const STATUS_NUMBERS: Readonly<Record<LeaseOutcome["kind"], StatusNumber>> = {
  confirmed: StatusNumber.CONFIRMED,
  ended: StatusNumber.ENDED,
  "not-registered": StatusNumber.NOT_REGISTERED,
  unconfirmed: StatusNumber.UNCONFIRMED,
};

function leaseOf(answer: {
  readonly status: StatusNumber;
  readonly number: bigint;
  readonly officeRevision: bigint;
}): LeaseOutcome {
  const { status, number, officeRevision } = answer;
  switch (status) {
    case StatusNumber.CONFIRMED:
      return { kind: "confirmed", number, officeRevision };
    case StatusNumber.ENDED:
      return { kind: "ended" };
    case StatusNumber.NOT_REGISTERED:
      return { kind: "not-registered" };
    default:
      return { kind: "unconfirmed" };
  }
}
