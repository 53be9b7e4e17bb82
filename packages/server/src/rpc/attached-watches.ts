// SPDX-License-Identifier: Apache-2.0
/** The watches of one Attach stream: opened and ended by the client's ids, drained into its frames. */

import { create } from "@bufbuild/protobuf";
import { type AttachWatch, type AttachWatchEvent, AttachWatchEventSchema } from "@conclave/api";
import type { ElectionNode } from "../replica/election-node.ts";
import type { Watch } from "../replica/watch.ts";
import { isFailure } from "../wire/bounds.ts";
import {
  type Failure,
  failureOfWatch,
  frameErrorOf,
  invalidField,
  notApplied,
} from "../wire/failure.ts";
import { watchQueryOf } from "../wire/read-requests.ts";
import type { FrameSource } from "./outbox.ts";
import { takeMessages } from "./watch-messages.ts";

/** Watches of one stream; a client with more opens another stream. */
const WATCHES_MAX = 16_384;

/** Roughly what a refusal takes on the wire. */
const REFUSED_BYTES = 128;

export class AttachedWatches implements FrameSource {
  readonly #node: ElectionNode;
  readonly #ready: () => void;
  readonly #watches = new Map<bigint, Watch>();
  /** Those that have something to take, in the order in which they got it. */
  readonly #waiting = new Set<bigint>();
  #refused: AttachWatchEvent[] = [];

  constructor(node: ElectionNode, ready: () => void) {
    this.#node = node;
    this.#ready = ready;
  }

  open({ id, request }: AttachWatch): void {
    if (this.#watches.has(id)) {
      this.#refuse(id, invalidField("watches.id", "not the id of an open watch"));
      return;
    }
    if (this.#watches.size >= WATCHES_MAX) {
      this.#refuse(id, notApplied("too_many_streams"));
      return;
    }
    const query =
      request === undefined
        ? invalidField("watches.request", "must be set")
        : watchQueryOf(request, this.#node.cluster);
    if (isFailure(query)) {
      this.#refuse(id, query);
      return;
    }
    const ready = (): void => {
      this.#waiting.add(id);
      this.#ready();
    };
    this.#watches.set(id, this.#node.watch({ ...query, ready }));
  }

  close(id: bigint): void {
    const watch = this.#watches.get(id);
    this.#watches.delete(id);
    this.#waiting.delete(id);
    if (watch !== undefined) this.#node.unwatch(watch);
  }

  closeAll(): void {
    for (const id of [...this.#watches.keys()]) this.close(id);
  }

  fill(events: AttachWatchEvent[], bytesMax: number): boolean {
    let bytesLeft = bytesMax - this.#takeRefused(events, bytesMax);
    for (const id of this.#waiting) {
      if (bytesLeft <= 0) return true;
      this.#waiting.delete(id);
      const watch = this.#watches.get(id);
      if (watch === undefined) continue;
      takeMessages(watch, this.#node.cluster, ({ message, bytes }) => {
        events.push({
          $typeName: "conclave.v1.AttachWatchEvent",
          id,
          outcome: { case: "event", value: message },
        });
        bytesLeft -= bytes;
        return bytesLeft > 0;
      });
      if (watch.ended !== undefined) {
        events.push(endedEvent(id, failureOfWatch(watch.ended)));
        this.close(id);
      }
    }
    return this.#waiting.size + this.#refused.length > 0;
  }

  get refusedCount(): number {
    return this.#refused.length;
  }

  /** Answers how many bytes it has taken. */
  #takeRefused(events: AttachWatchEvent[], bytesMax: number): number {
    const count = Math.min(this.#refused.length, Math.ceil(bytesMax / REFUSED_BYTES));
    for (let i = 0; i < count; i++) events.push(this.#refused[i]!);
    this.#refused = this.#refused.slice(count);
    return count * REFUSED_BYTES;
  }

  #refuse(id: bigint, failure: Failure): void {
    this.#refused.push(endedEvent(id, failure));
    this.#ready();
  }
}

function endedEvent(id: bigint, failure: Failure): AttachWatchEvent {
  const outcome = { case: "ended", value: frameErrorOf(failure) } as const;
  return create(AttachWatchEventSchema, { id, outcome });
}
