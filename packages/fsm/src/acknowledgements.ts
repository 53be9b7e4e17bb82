// SPDX-License-Identifier: Apache-2.0
/** What a KeepAlive of S0 or S1 acknowledges, as an entry of its own (semantics A3). */

import { acknowledge, acknowledgeExcept } from "./answers.ts";
import type { AcknowledgeS0, AcknowledgeS1 } from "./dialect-command.ts";
import { closeStream, trimStream } from "./event-stream.ts";
import type { PartitionState } from "./partition.ts";
import type { Reply } from "./reply.ts";
import { findSession } from "./session-commands.ts";
import { refused, type Turn } from "./turn.ts";

/** Forgets answers, trims the streams that are listed and closes those that are not (4.1.1). */
export function acknowledgeS0(turn: Turn, command: AcknowledgeS0): Reply {
  const session = findSession(turn.state, command.sessionId);
  if ("reason" in session) return session;
  if (session.numbering !== "s0") return refused("session_mismatch");
  // No number that was never executed can have been answered.
  acknowledge(session.answers, Math.min(command.number, session.answers.last));
  const listed = new Map(command.streams.map((s) => [s.streamId, s.responseId]));
  for (const stream of [...session.streams.values()]) {
    const responseId = listed.get(stream.streamId);
    if (responseId !== undefined) trimStream(stream, responseId);
    else if (stream.streamId <= command.number) {
      closeStream(turn, stream);
      trimStream(stream, stream.lastResponseId);
    }
  }
  return { kind: "acknowledged", index: turn.state.index };
}

/** Whether an acknowledgement would change anything here: one that would not need not be proposed. */
export function isNewsS0(state: PartitionState, command: AcknowledgeS0): boolean {
  const session = state.sessions.get(command.sessionId);
  if (session?.numbering !== "s0") return false;
  const { answers, streams } = session;
  if (Math.min(command.number, answers.last) > answers.acknowledged) return true;
  const listed = new Map(command.streams.map((s) => [s.streamId, s.responseId]));
  for (const { streamId, messages } of streams.values()) {
    const responseId = listed.get(streamId);
    const [oldest] = messages;
    if (responseId === undefined) {
      if (streamId <= command.number) return true;
    } else if (oldest !== undefined && oldest.responseId <= responseId) return true;
  }
  return false;
}

export function acknowledgeS1(turn: Turn, command: AcknowledgeS1): Reply {
  const session = findSession(turn.state, command.sessionId);
  if ("reason" in session) return session;
  if (session.numbering !== "s1") return refused("session_mismatch");
  acknowledgeExcept(session.answers, command.number, new Set(command.open));
  return { kind: "acknowledged", index: turn.state.index };
}
