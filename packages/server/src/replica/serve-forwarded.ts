// SPDX-License-Identifier: Apache-2.0
/**
 * Serves what other nodes ask of the partitions that this node leads.
 *
 * Only a leader serves, at once or not at all: what came from another node is never passed on and
 * never waits for a leader, so that no request can go round in circles.
 */

import type { SessionId } from "@conclave/fsm";
import type { RoundMember } from "./confirm-rounds.ts";
import type { AttachmentId } from "./deadlines.ts";
import {
  decodeRequest,
  encodeAnswer,
  type ForwardAnswer,
  type ForwardedSubmission,
  type ForwardRequest,
  type SubmissionAnswer,
} from "./forward-messages.ts";
import type { LedSettled } from "./leadership.ts";
import type { PeerCallHandler } from "./peer-calls.ts";
import type { PeerClocks } from "./peer-clocks.ts";
import type { CommandBatch } from "./proposals.ts";
import type { ArrivedRenewal, LeaseOutcome } from "./renewals.ts";
import type { LogRole } from "./replicated-log.ts";

/** What is served of a partition: the duties of its leader. */
interface ServedPartition {
  readonly role: LogRole;
  readonly leadership: {
    submit(
      submission: CommandBatch,
      attachment: AttachmentId | undefined,
      settle: LedSettled,
    ): void;
    renew(renewal: ArrivedRenewal): void;
    disconnect(sessionId: SessionId, attachment: AttachmentId): void;
  };
  barrier(member: RoundMember): void;
}

export interface ServeForwardedOptions {
  /** By its number, if there is one. */
  readonly partition: (number: number) => ServedPartition | undefined;
  readonly clocks: PeerClocks;
  readonly monotonicMs: () => number;
  /** New commands are taken no more; renewals and rounds are, as long as this node leads. */
  readonly isShuttingDown: () => boolean;
}

interface CallLimits {
  readonly giveUpAtMs: number;
  readonly signal: AbortSignal;
}

export function serveForwarded(options: ServeForwardedOptions): PeerCallHandler {
  return async (from, bytes, limits) => {
    const decoded = decodeRequest(bytes);
    if (decoded !== undefined) options.clocks.heard(from, decoded.wallMs);
    const message =
      decoded === undefined ? NOT_LED : await answerTo(options, decoded.message, limits);
    return encodeAnswer({ wallMs: options.clocks.wallMs(), message });
  };
}

const NOT_LED: ForwardAnswer = { kind: "not-led" };
const DONE: ForwardAnswer = { kind: "done" };

async function answerTo(
  options: ServeForwardedOptions,
  request: ForwardRequest,
  limits: CallLimits,
): Promise<ForwardAnswer> {
  if (request.kind === "clock") return DONE;
  const partition = options.partition(request.partition);
  if (partition?.role.kind !== "leader") return NOT_LED;
  switch (request.kind) {
    case "submissions": {
      if (options.isShuttingDown()) return NOT_LED;
      const nowMs = options.monotonicMs();
      const submissions = request.submissions.map((item) =>
        submitted(partition, item, nowMs, limits.signal),
      );
      return { kind: "submissions", answers: await Promise.all(submissions) };
    }
    case "renewals": {
      const leases = request.renewals.map(
        (renewal) =>
          new Promise<LeaseOutcome>((settle) => partition.leadership.renew({ ...renewal, settle })),
      );
      return { kind: "renewals", leases: await Promise.all(leases) };
    }
    case "disconnects":
      for (const { sessionId, attachment } of request.disconnects) {
        partition.leadership.disconnect(sessionId, attachment);
      }
      return DONE;
    default:
      return await confirmed(partition, limits.giveUpAtMs);
  }
}

function submitted(
  { leadership }: ServedPartition,
  { commands, remainingMs, mayUseReserve, attachment }: ForwardedSubmission,
  nowMs: number,
  signal: AbortSignal,
): Promise<SubmissionAnswer> {
  const submission = { commands, giveUpAtMs: nowMs + remainingMs, mayUseReserve, signal };
  return new Promise((resolve) => {
    leadership.submit(submission, attachment, (outcome, isLeased) =>
      resolve({ outcome, isLeased }),
    );
  });
}

function confirmed(partition: ServedPartition, giveUpAtMs: number): Promise<ForwardAnswer> {
  return new Promise((resolve) => {
    partition.barrier({
      giveUpAtMs,
      waitsForLeader: false,
      settle: (outcome) => {
        if (outcome.kind === "passed") {
          resolve({ kind: "confirmed", index: outcome.index, raftTerm: outcome.raftTerm });
        } else {
          resolve(outcome.reason === "overloaded" ? { kind: "overloaded" } : NOT_LED);
        }
      },
    });
  });
}
