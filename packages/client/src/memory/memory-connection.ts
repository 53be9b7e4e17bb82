// SPDX-License-Identifier: Apache-2.0
/** One stream of a client to one node of the twin: what is to leave in the frame of this turn. */

import { create } from "@bufbuild/protobuf";
import {
  type AttachResponse,
  AttachResponseSchema,
  AttachWatchEventSchema,
  type Candidacy,
} from "@conclave/api";
import type { Clock } from "@conclave/base";
import type { MemoryNodes } from "./memory-nodes.ts";
import type { MemorySession } from "./memory-sessions.ts";
import type { MemoryWatches } from "./memory-watches.ts";

export interface ConnectionPeer {
  frame(frame: AttachResponse): void;
  /** The node has died, and the client's machine has been told, or has found out. */
  lost(cause: string): void;
}

export class MemoryConnection {
  readonly id: number;
  readonly node: number;
  readonly watches: MemoryWatches;
  readonly peer: ConnectionPeer;
  session: MemorySession | undefined;
  isOpen = true;
  readonly #clock: Clock;
  readonly #nodes: MemoryNodes;
  #out: AttachResponse | undefined;
  #candidacies: Candidacy[] = [];
  /** Watches that have been told that their replica is cut off. */
  readonly #cutOff = new Set<bigint>();

  constructor(
    identity: { readonly id: number; readonly node: number },
    { clock, nodes }: { readonly clock: Clock; readonly nodes: MemoryNodes },
    watches: MemoryWatches,
    peer: ConnectionPeer,
  ) {
    this.id = identity.id;
    this.node = identity.node;
    this.#clock = clock;
    this.#nodes = nodes;
    this.watches = watches;
    this.peer = peer;
  }

  /** The frame of this turn. */
  get out(): AttachResponse {
    this.#out ??= create(AttachResponseSchema, {});
    return this.#out;
  }

  /** A change of one of the session's candidacies, as soon as this node's replica knows of it. */
  push(candidacy: Candidacy): void {
    this.#candidacies.push(candidacy);
  }

  flush(): void {
    const isCutOff = this.#nodes.state(this.node) === "cut-off";
    this.#sayContact(isCutOff);
    // A replica that hears of no commits tells of none.
    if (!isCutOff) {
      const watchEvents = this.watches.take();
      if (watchEvents.length > 0) this.out.watchEvents.push(...watchEvents);
      if (this.#candidacies.length > 0) this.out.candidacies.push(...this.#candidacies.splice(0));
    }
    const frame = this.#out;
    this.#out = undefined;
    if (frame === undefined) return;
    const lagMs = this.#nodes.lagMs(this.node);
    if (lagMs === 0) this.peer.frame(frame);
    else this.#clock.setTimer(lagMs, () => this.peer.frame(frame));
  }

  #sayContact(isCutOff: boolean): void {
    for (const id of this.watches.ids) {
      if (this.#cutOff.has(id) === isCutOff) continue;
      if (isCutOff) this.#cutOff.add(id);
      else this.#cutOff.delete(id);
      const value = { event: { case: "contact", value: { quorum: !isCutOff } } } as const;
      const outcome = { case: "event", value } as const;
      this.out.watchEvents.push(create(AttachWatchEventSchema, { id, outcome }));
    }
  }
}
