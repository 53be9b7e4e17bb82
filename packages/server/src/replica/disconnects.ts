// SPDX-License-Identifier: Apache-2.0
/**
 * The disconnect grace: the end of a connection, seen from the client's side, starts a shorter
 * deadline (semantics A2, schedule E).
 *
 * Whether the end came from the client is decided where the connection is known; a report that gets
 * here says so. It counts only if the last renewal that was confirmed came through the same
 * attachment: a session that has moved to another one is not ended by the remains of the first.
 */

import type { LoopWatch } from "@conclave/base";
import type { SessionId } from "@conclave/fsm";
import type { AttachmentId, Deadlines } from "./deadlines.ts";
import type { Renewals } from "./renewals.ts";

export interface DisconnectsOptions {
  readonly deadlines: Deadlines;
  readonly renewals: Renewals;
  readonly loop: LoopWatch;
}

export function reportDisconnect(
  { deadlines, renewals, loop }: DisconnectsOptions,
  sessionId: SessionId,
  attachment: AttachmentId,
): void {
  renewals.forget(sessionId, attachment);
  const record = deadlines.get(sessionId);
  if (record === undefined || record.graceMs === 0 || record.attachment !== attachment) return;
  const graceEndsMs = loop.loopNowMs() + record.graceMs;
  if (graceEndsMs >= record.deadlineMs) return;
  record.deadlineMs = graceEndsMs;
  record.cause = "disconnected";
  deadlines.watch(record);
}
