// SPDX-License-Identifier: Apache-2.0
/**
 * Replies kept by request id, the last 100,000 of a partition, oldest out first: what makes a retry of
 * a command without a session idempotent (semantics A3).
 */

import { takeOldest } from "./oldest.ts";
import type { PartitionState } from "./partition.ts";
import type { Reply } from "./reply.ts";
import { refused } from "./turn.ts";

/** Answers from memory, or executes and remembers. The same id with other content is refused. */
export function answerOnce(
  state: PartitionState,
  id: string,
  content: string,
  execute: () => Reply,
): Reply {
  const found = state.requestReplies.get(id);
  if (found === undefined) {
    const reply = execute();
    state.requestReplies.set(id, { content, reply });
    if (state.requestReplies.size > state.limits.requestRepliesMax) {
      takeOldest(state.requestReplies);
    }
    return reply;
  }
  if (found.content !== content) return refused("request_id_reused");
  return replayed(found.reply);
}

export function replayed(reply: Reply): Reply {
  return reply.kind === "done" || reply.kind === "dialect-done"
    ? { ...reply, replayed: true }
    : reply;
}
