// SPDX-License-Identifier: Apache-2.0
/**
 * Event streams of S0 as a node serves them: what waits in the state, and then what each entry adds
 * (semantics A3, 4.1.4).
 *
 * The stream itself is state of its session. What is here can be lost with a node and loses nothing:
 * another node goes on from what the client has not acknowledged, without a gap (schedule H).
 */

import { type StreamMessage, streamMessages } from "@conclave/fsm";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";
import type { PartitionReplica } from "../replica/partition-replica.ts";

/** A stream of a session that lives on a partition. */
export interface S0StreamName {
  readonly partition: PartitionReplica;
  readonly sessionId: bigint;
  readonly streamId: number;
}

/** More than a session keeps unacknowledged: it acknowledges what it does not read. */
const BEHIND_MAX = 2_048;

interface Follower {
  readonly name: S0StreamName;
  queue: StreamMessage[];
  /** The last that was given to the client. */
  sent: number;
  /** Why it goes on no more. */
  lost: string | undefined;
  wake: () => void;
}

export class S0Streams {
  /** By partition, session and stream: a client that has opened its stream again follows it twice. */
  readonly #followers = new Map<string, Set<Follower>>();

  constructor(node: ElectionNode) {
    for (const partition of node.partitions) {
      partition.onApplied((applied) => {
        if (applied === undefined) this.#replaced(partition);
        else for (const message of applied.streamMessages) this.#told(partition, message);
      });
    }
    node.onShutdown(() => {
      for (const follower of this.#all()) lose(follower, "this node is shutting down");
    });
  }

  /**
   * Every message from the first that is not acknowledged to CLOSE_STREAM, without gaps. Throws
   * UNAVAILABLE where another node, or this one a moment later, can go on.
   *
   * @param signal ends it without a word. That the client has gone does not close the stream.
   */
  async *follow(name: S0StreamName, signal: AbortSignal): AsyncGenerator<StreamMessage> {
    const queue = waitingMessages(name) ?? [];
    const follower: Follower = { name, queue, sent: 0, lost: undefined, wake: () => {} };
    this.#add(follower);
    // Not left to `finally`: nobody may ever come back to a `yield` of a stream that was reset.
    const leave = (): void => {
      this.#remove(follower);
      follower.wake();
    };
    signal.addEventListener("abort", leave);
    try {
      while (!signal.aborted) {
        const next = follower.queue.shift();
        if (next !== undefined) {
          follower.sent = next.responseId;
          yield next;
          if (next.type === "close") return;
        } else if (follower.lost !== undefined) {
          throw new ConnectError(`${follower.lost}, open the stream again`, Code.Unavailable);
        } else {
          await new Promise<void>((resolve) => (follower.wake = resolve));
        }
      }
    } finally {
      signal.removeEventListener("abort", leave);
      this.#remove(follower);
    }
  }

  get size(): number {
    return this.#followers.size;
  }

  #told({ number }: PartitionReplica, message: StreamMessage): void {
    const followers = this.#followers.get(textOf(number, message.sessionId, message.streamId));
    for (const follower of followers ?? []) {
      follower.queue.push(message);
      if (follower.queue.length > BEHIND_MAX) {
        follower.queue = [];
        lose(follower, "the client did not read");
      }
      follower.wake();
    }
  }

  /** By another node's state, in which messages may be that were never told of here. */
  #replaced(partition: PartitionReplica): void {
    for (const follower of this.#all()) {
      if (follower.name.partition !== partition) continue;
      const messages = waitingMessages(follower.name);
      if (messages === undefined) lose(follower, "the stream has been closed");
      else follower.queue = messages.filter(({ responseId }) => responseId > follower.sent);
      follower.wake();
    }
  }

  *#all(): Generator<Follower> {
    for (const followers of this.#followers.values()) yield* followers;
  }

  #add(follower: Follower): void {
    const text = textOfName(follower.name);
    const followers = this.#followers.get(text) ?? new Set();
    this.#followers.set(text, followers.add(follower));
  }

  #remove(follower: Follower): void {
    const text = textOfName(follower.name);
    const followers = this.#followers.get(text);
    followers?.delete(follower);
    if (followers?.size === 0) this.#followers.delete(text);
  }
}

/** What the client has not acknowledged; undefined where there is no such stream. */
export function waitingMessages(name: S0StreamName): StreamMessage[] | undefined {
  const { partition, sessionId, streamId } = name;
  return streamMessages(partition.state, sessionId, streamId)?.slice();
}

function lose(follower: Follower, why: string): void {
  follower.lost = why;
  follower.wake();
}

function textOfName({ partition, sessionId, streamId }: S0StreamName): string {
  return textOf(partition.number, sessionId, streamId);
}

function textOf(partition: number, sessionId: bigint, streamId: number): string {
  return `${partition} ${sessionId} ${streamId}`;
}
