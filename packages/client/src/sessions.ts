// SPDX-License-Identifier: Apache-2.0
/**
 * The sessions of one client: one for each distinct (TTL, grace), and a further one for a partition
 * on which an earlier one has ended, since leaderships elsewhere live on in the earlier (semantics A2).
 */

import type { AttachmentsContext } from "./attachments.ts";
import { type BeliefClock, createBeliefClock } from "./belief.ts";
import type { LeaseTimes } from "./leases.ts";
import { Session } from "./session.ts";

export class Sessions {
  readonly #context: AttachmentsContext;
  readonly #clock: BeliefClock;
  readonly #open = new Set<Session>();

  constructor(context: AttachmentsContext) {
    this.#context = context;
    this.#clock = createBeliefClock(context.runtime.clock, context.runtime.suspendClock);
  }

  /** A session of these times that has not ended on the partition; opened where there is none. */
  on(partition: number, { ttlMs, graceMs }: LeaseTimes): Session {
    for (const session of this.#open) {
      if (session.isSpent) {
        this.#open.delete(session);
        void session.close();
        continue;
      }
      const { times } = session;
      const fits = times.ttlMs === ttlMs && times.graceMs === graceMs;
      if (fits && !session.hasEndedOn(partition)) return session;
    }
    const session = new Session(this.#context, this.#clock, { ttlMs, graceMs });
    this.#open.add(session);
    return session;
  }

  /** What a page believes after it has stood still, it has to be told anew. */
  interrupted(): void {
    for (const session of this.#open) session.interrupted();
  }

  /** Ends all of them, here and then there, within this turn; resolves when the server has heard it. */
  async close(): Promise<void> {
    const closing = [...this.#open];
    this.#open.clear();
    await Promise.all(closing.map((session) => session.close()));
  }
}
