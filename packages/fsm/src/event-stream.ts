// SPDX-License-Identifier: Apache-2.0
/**
 * S0 event streams: numbered messages that wait in the session until its client acknowledges them
 * (semantics A3, 4.1.4; schedule H).
 */

import { assert } from "@conclave/base";
import type { StreamMessage } from "./change.ts";
import type { Election, EventStream, Session } from "./records.ts";
import type { Turn } from "./turn.ts";
import type { TermView } from "./view.ts";

/** Opens one; its first message is numbered 1 and carries no term. */
export function openStream(
  turn: Turn,
  session: Session,
  streamId: number,
  election: Election,
): void {
  assert(!session.streams.has(streamId), "E13: a stream id is used once");
  const stream: EventStream = {
    session,
    streamId,
    openedIndex: turn.state.index,
    election,
    lastResponseId: 0,
    messages: [],
  };
  session.streams.set(streamId, stream);
  election.streams.push(stream);
  push(turn, stream, "open");
}

/** Tells a stream of a change. One whose client acknowledges nothing is closed at the bound. */
export function emitEvent(turn: Turn, stream: EventStream, term: TermView): void {
  if (stream.messages.length >= turn.state.limits.unacknowledgedPerStreamMax) {
    closeStream(turn, stream);
  } else push(turn, stream, "event", term);
}

/** Ends it. Its messages stay until they are acknowledged or their session ends. */
export function closeStream(turn: Turn, stream: EventStream): void {
  if (stream.election === undefined) return;
  const { streams } = stream.election;
  streams.splice(streams.indexOf(stream), 1);
  stream.election = undefined;
  push(turn, stream, "close");
}

/** Forgets the messages up to one; a closed stream goes with its last message. */
export function trimStream(stream: EventStream, responseId: number): void {
  stream.messages = stream.messages.filter((message) => message.responseId > responseId);
  if (stream.messages.length === 0 && stream.election === undefined) {
    stream.session.streams.delete(stream.streamId);
  }
}

function push(turn: Turn, stream: EventStream, type: StreamMessage["type"], term?: TermView): void {
  stream.lastResponseId += 1;
  const message: StreamMessage = {
    sessionId: stream.session.id,
    streamId: stream.streamId,
    responseId: stream.lastResponseId,
    index: turn.state.index,
    type,
    ...(term === undefined ? {} : { term }),
  };
  stream.messages.push(message);
  turn.streamMessages.push(message);
}
