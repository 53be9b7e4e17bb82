// SPDX-License-Identifier: Apache-2.0
/**
 * Sessions of S0 and S1, one for each client and partition, whose id is the partition's `index` when
 * they were opened (semantics A2, 4.1.1, 4.2): what both dialects do alike. What they may not do is
 * end or renew a session that is another protocol's.
 *
 * They throw, as the services that call them do, what may be tried again and what there is no room for.
 */

import type { Duration } from "@bufbuild/protobuf/wkt";
import { assert, unreachable } from "@conclave/base";
import {
  type AcknowledgeS0,
  type AcknowledgeS1,
  defaultLimits,
  numberingOf,
  type Reply,
  type SessionId,
} from "@conclave/fsm";
import type { ElectionNode } from "../replica/election-node.ts";
import type { PartitionReplica } from "../replica/partition-replica.ts";
import type { SubmissionOutcome } from "../replica/proposals.ts";
import type { LeaseOutcome } from "../replica/renewals.ts";
import type { Patience } from "./commands.ts";
import {
  dialectErrorOf,
  dialectFailure,
  failureOfDialectRefusal,
  failureOfDialectSubmission,
} from "./dialect-failure.ts";
import { numberingAt } from "./read-barrier.ts";

type IndexedDialect = "s0" | "s1";

/** @param ttlMs from `ttlOf`. */
export async function openIndexedSession(
  partition: PartitionReplica,
  dialect: IndexedDialect,
  ttlMs: number,
  patience: Patience,
): Promise<{ readonly sessionId: SessionId; readonly index: bigint }> {
  const outcome = await new Promise<SubmissionOutcome>((settle) => {
    const commands = [{ kind: "open-indexed-session", dialect, ttlMs } as const];
    partition.submit({ ...patience, commands, mayUseReserve: false, settle });
  });
  const reply = replyOf(outcome, dialect);
  // Only for want of room, which passes.
  if (reply.kind === "refused") throw dialectErrorOf(failureOfDialectRefusal(reply), dialect);
  assert(reply.kind === "session-opened", "a session is opened or refused");
  const { sessionId, index } = reply;
  return { sessionId, index };
}

/** What a client asks for, within what a session may have. @param defaultMs of one that asks for nothing. */
export function ttlOf(timeout: Duration | undefined, defaultMs: number): number {
  const { seconds, nanos } = timeout ?? { seconds: 0n, nanos: 0 };
  if (seconds === 0n && nanos === 0) return defaultMs;
  const { ttlMsMin, ttlMsMax } = defaultLimits;
  const askedMs = Math.ceil(Number(seconds) * 1_000 + nanos / 1e6);
  return Math.min(Math.max(askedMs, ttlMsMin), ttlMsMax);
}

/** Answers whether there is such a session. */
export async function renewIndexedSession(
  partition: PartitionReplica,
  dialect: IndexedDialect,
  sessionId: SessionId,
): Promise<boolean> {
  if (isAnothers(partition, dialect, sessionId)) return false;
  const lease = await new Promise<LeaseOutcome>((settle) => {
    partition.renew({ sessionId, number: 0n, attachment: undefined, settle });
  });
  switch (lease.kind) {
    case "confirmed":
      return true;
    case "ended":
    case "not-registered":
      return false;
    case "unconfirmed":
      throw dialectErrorOf(dialectFailure("unavailable", "not renewed, try again"), dialect);
    default:
      return unreachable(lease);
  }
}

/** An entry of its own, which nobody waits for: what is lost is said again by the next KeepAlive (A3). */
export function acknowledge(
  node: ElectionNode,
  partition: PartitionReplica,
  command: AcknowledgeS0 | AcknowledgeS1,
): void {
  const giveUpAtMs = node.giveUpAtMs();
  partition.submit({ commands: [command], giveUpAtMs, mayUseReserve: false, settle: () => {} });
}

/** Answers whether there is, or was not long ago, such a session: whoever closes it again finds it closed. */
export async function closeIndexedSession(
  partition: PartitionReplica,
  dialect: IndexedDialect,
  sessionId: SessionId,
  patience: Patience,
): Promise<boolean> {
  const numbering = await numberingAt(partition, sessionId, patience.giveUpAtMs);
  if (typeof numbering === "object") throw dialectErrorOf(numbering, dialect);
  if (numbering !== dialect) return numbering === "ended";
  const outcome = await new Promise<SubmissionOutcome>((settle) => {
    partition.closeSession(sessionId, { ...patience, mayUseReserve: true, settle });
  });
  replyOf(outcome, dialect);
  return true;
}

/** It counts in another way. One that is not here may be at the leader. */
function isAnothers(
  { state }: PartitionReplica,
  dialect: IndexedDialect,
  sessionId: SessionId,
): boolean {
  const numbering = numberingOf(state, sessionId);
  return numbering !== undefined && numbering !== "ended" && numbering !== dialect;
}

/** To the one command that there was. */
function replyOf(outcome: SubmissionOutcome, dialect: IndexedDialect): Reply {
  if (outcome.kind !== "replied") {
    throw dialectErrorOf(failureOfDialectSubmission(outcome, true), dialect);
  }
  const [reply] = outcome.replies;
  assert(reply !== undefined, "a command has a reply");
  return reply;
}
