// SPDX-License-Identifier: Apache-2.0
/**
 * Sessions of the twin: per partition a deadline, the answers given, and the last change of office.
 *
 * Each partition decides alone when a session ends there, and never forgets that it did (semantics
 * A2). Time is the clock that it is given.
 */

import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import type { SessionOptions } from "@conclave/api";
import type { CancelTimer, Clock } from "@conclave/base";
import type { Reply } from "./memory-commands.ts";

const DEFAULT_TTL_MS = 10_000;

export interface SessionTimes {
  readonly ttlMs: number;
  readonly graceMs: number;
}

/** One session on one partition. */
interface Registration {
  readonly replies: Map<bigint, Reply>;
  /** The attachment through which it last renewed: only the end of that one starts the grace. */
  attachment: number | undefined;
  officeRevision: bigint;
  deadlineMs: number;
  cancelExpiry: CancelTimer;
}

export interface MemorySession {
  readonly id: bigint;
  readonly instance: string;
  readonly times: SessionTimes;
  readonly registrations: Map<number, Registration>;
  readonly ended: Set<number>;
}

export class MemorySessions {
  readonly #clock: Clock;
  readonly #expired: (session: MemorySession, partition: number, isGrace: boolean) => void;
  readonly #sessions = new Map<bigint, MemorySession>();

  constructor(
    clock: Clock,
    expired: (session: MemorySession, partition: number, isGrace: boolean) => void,
  ) {
    this.#clock = clock;
    this.#expired = expired;
  }

  find(id: bigint): MemorySession | undefined {
    return this.#sessions.get(id);
  }

  open(id: bigint, times: SessionTimes): MemorySession {
    let session = this.#sessions.get(id);
    if (session === undefined) {
      const instance = (this.#sessions.size + 1).toString(16).padStart(16, "0");
      session = { id, instance, times, registrations: new Map(), ended: new Set() };
      this.#sessions.set(id, session);
    }
    return session;
  }

  register(session: MemorySession, partition: number, attachment: number | undefined): void {
    const registration: Registration = {
      replies: new Map(),
      attachment,
      officeRevision: 0n,
      deadlineMs: 0,
      cancelExpiry: () => {},
    };
    session.registrations.set(partition, registration);
    this.renew(session, partition, attachment);
  }

  renew(session: MemorySession, partition: number, attachment: number | undefined): void {
    const registration = session.registrations.get(partition);
    if (registration === undefined) return;
    registration.attachment = attachment;
    this.#expireIn(session, partition, session.times.ttlMs, false);
  }

  /** The client's side ended an attachment: with a grace, what renewed through it ends sooner. */
  disconnected(session: MemorySession, attachment: number): void {
    const { graceMs } = session.times;
    if (graceMs === 0) return;
    for (const [partition, registration] of session.registrations) {
      if (registration.attachment !== attachment) continue;
      const remainingMs = registration.deadlineMs - this.#clock.monotonicMs();
      if (graceMs < remainingMs) this.#expireIn(session, partition, graceMs, true);
    }
  }

  /** Nobody leads the partition: nothing ends there. */
  suspend(partition: number): void {
    for (const { registrations } of this.#sessions.values()) {
      registrations.get(partition)?.cancelExpiry();
    }
  }

  /** A new leader knows of no renewal: every session has a whole TTL, and no attachment. */
  beginAnew(partition: number): void {
    for (const session of this.#sessions.values()) this.renew(session, partition, undefined);
  }

  end(session: MemorySession, partition: number): void {
    session.registrations.get(partition)?.cancelExpiry();
    session.registrations.delete(partition);
    session.ended.add(partition);
  }

  #expireIn(session: MemorySession, partition: number, ms: number, isGrace: boolean): void {
    const registration = session.registrations.get(partition);
    if (registration === undefined) return;
    registration.cancelExpiry();
    registration.deadlineMs = this.#clock.monotonicMs() + ms;
    registration.cancelExpiry = this.#clock.setTimer(ms, () =>
      this.#expired(session, partition, isGrace),
    );
  }
}

/** The times that a session asks for. */
export function timesOf(options: SessionOptions | undefined): SessionTimes {
  const ttlMs = options?.ttl === undefined ? DEFAULT_TTL_MS : msOf(options.ttl);
  return { ttlMs, graceMs: msOf(options?.disconnectGrace) };
}

function msOf(duration: Duration | undefined): number {
  return duration === undefined ? 0 : durationMs(duration);
}
