// SPDX-License-Identifier: Apache-2.0
/**
 * Sessions of the dialects that have no session on the wire, S2, S3 and S4 (semantics A2).
 *
 * Over HTTP/2 a session is a connection, or a name that lives while any connection which used it is
 * open. This node opens it on a partition with its first business there and renews it with TTL =
 * grace; after the last connection has closed it renews once more and lets the TTL run out, during
 * which the same name finds its session again. Over HTTP/1.1 the session is one that was opened
 * natively, which its owner renews.
 */

import { assert, type CancelTimer, type Clock } from "@conclave/base";
import {
  type CallOrder,
  type DialectOperation,
  hasSession,
  type OpenSession,
  type SessionId,
} from "@conclave/fsm";
import type { ElectionNode } from "../replica/election-node.ts";
import type { PartitionReplica } from "../replica/partition-replica.ts";
import type { LeaseOutcome } from "../replica/renewals.ts";
import type { Patience } from "./commands.ts";
import type { Connection } from "./connection-context.ts";
import { type CallOutcome, callDialect } from "./dialect-call.ts";
import { type DialectFailure, dialectFailure } from "./dialect-failure.ts";
import type { DialectName } from "./dialect-options.ts";

/** How a caller is known. */
export interface Carrier {
  readonly dialect: DialectName;
  /** Undefined: nothing told which; the caller then needs a native session. */
  readonly connection: Connection | undefined;
  /** What the session is called by its client; empty: by its connection. */
  readonly name: string;
  /** The header `session-id`, where it stands for a session that was opened natively. */
  readonly nativeSession: string | undefined;
}

/** A session that a call is made under. */
export interface CarrierSession {
  readonly sessionId: SessionId;
  /** Aborted when this node gave it up: what hangs on it ends with UNAVAILABLE. */
  readonly lost: AbortSignal;
  call(operation: DialectOperation, patience: Patience, order?: CallOrder): Promise<CallOutcome>;
}

/** A session that was opened for a name by somebody else's call. */
interface Adoption {
  readonly dialect: DialectName;
  readonly name: string;
  readonly sessionId: SessionId;
  /** Where it was opened. */
  readonly home: PartitionReplica;
  readonly sentMs: number;
}

export interface CarrierSessionsOptions {
  readonly node: ElectionNode;
  readonly clock: Clock;
  readonly drawSessionId: () => SessionId;
  readonly graceMs: number;
}

const FREE: CallOrder = { kind: "free" };
const UINT64_MAX = (1n << 64n) - 1n;

export class CarrierSessions {
  readonly #options: CarrierSessionsOptions;
  readonly #kept: Map<string, KeptSession> = new Map();

  constructor(options: CarrierSessionsOptions) {
    this.#options = options;
    options.node.onShutdown(() => {
      // Candidacies outlive this node by the grace, in which their clients find another one.
      for (const session of this.#kept.values()) session.stop();
      this.#kept.clear();
    });
  }

  /** The session that the caller has, or one that begins with it; nothing is proposed yet. */
  of(carrier: Carrier): CarrierSession | DialectFailure {
    const { connection, nativeSession } = carrier;
    if (nativeSession !== undefined) return this.#native(nativeSession);
    if (connection?.isShared !== true) return NEEDS_SESSION;
    const key = textOf(carrier, connection);
    const session = this.#kept.get(key) ?? this.#open(key, this.#options.drawSessionId());
    session.hold(connection);
    return session;
  }

  /** The session that the caller has, which lives on with its connection; none begins with it. */
  find(carrier: Carrier): CarrierSession | undefined | DialectFailure {
    const { connection, nativeSession } = carrier;
    if (nativeSession !== undefined) return this.#native(nativeSession);
    if (connection?.isShared !== true) return undefined;
    const session = this.#kept.get(textOf(carrier, connection));
    session?.hold(connection);
    return session;
  }

  /** The id of a name's session, if it has one at this node. */
  idOf(dialect: DialectName, name: string): SessionId | undefined {
    return this.#kept.get(textOfName(dialect, name))?.sessionId;
  }

  /**
   * Takes over a session that a call has opened in a name for one who was not there (S4's Restore):
   * it lives for the grace, and longer if the name calls within it. Nothing, where the call has not
   * opened it, or the name has another by now.
   *
   * @param sentMs when the call was sent.
   */
  adopt({ dialect, name, sessionId, home, sentMs }: Adoption): void {
    if (!hasSession(home.state, sessionId)) return;
    const key = textOfName(dialect, name);
    const session = this.#kept.get(key) ?? this.#open(key, sessionId);
    if (session.sessionId === sessionId) session.wasOpened(home.number, sentMs);
  }

  /** How many are kept, those in their grace included. */
  get size(): number {
    return this.#kept.size;
  }

  #open(key: string, sessionId: SessionId): KeptSession {
    const session = new KeptSession(this.#options, sessionId, () => {
      if (this.#kept.get(key) === session) this.#kept.delete(key);
    });
    this.#kept.set(key, session);
    return session;
  }

  #native(text: string): CarrierSession | DialectFailure {
    const sessionId = /^[1-9]\d{0,19}$/.test(text) ? BigInt(text) : 0n;
    if (sessionId === 0n || sessionId > UINT64_MAX) {
      return dialectFailure("invalid", "session-id: the decimal id of an open session");
    }
    const { node } = this.#options;
    return {
      sessionId,
      lost: new AbortController().signal,
      call: (operation, patience, order = FREE) =>
        callDialect(
          node.homeOf(operation.key),
          { kind: "dialect-call", sessionId, order, operation },
          patience,
        ),
    };
  }
}

function textOf({ dialect, name }: Carrier, { id }: Connection): string {
  return name === "" ? `${dialect} connection ${id}` : textOfName(dialect, name);
}

function textOfName(dialect: DialectName, name: string): string {
  return `${dialect} name ${name}`;
}

const NEEDS_SESSION: DialectFailure = dialectFailure(
  "precondition",
  "a session is needed: over HTTP/2 the connection is one; else open one by conclave.v1.SessionService and send its id in decimal as session-id",
);

interface Registration {
  /** Of the last request that was confirmed; the session is held for certain until a TTL later. */
  confirmedSentMs: number;
  /** Its first call has been answered: from then on it is renewed. */
  isOpen: boolean;
}

/** A session that this node renews. */
class KeptSession implements CarrierSession {
  readonly sessionId: SessionId;
  readonly #options: CarrierSessionsOptions;
  readonly #forget: () => void;
  readonly #lost = new AbortController();
  readonly #held = new Map<number, () => void>();
  readonly #registrations = new Map<number, Registration>();
  #renewals = 0n;
  #cancelTimer: CancelTimer = () => {};
  #lingersUntilMs: number | undefined;
  #isOver = false;

  constructor(options: CarrierSessionsOptions, sessionId: SessionId, forget: () => void) {
    this.#options = options;
    this.#forget = forget;
    this.sessionId = sessionId;
    this.#schedule();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** It lives as long as this connection does, at least. */
  hold(connection: Connection): void {
    const wasLingering = this.#lingersUntilMs !== undefined;
    this.#lingersUntilMs = undefined;
    // The next beat may be too late for one that comes back at the end of its grace.
    if (wasLingering) this.#renewAll();
    if (this.#held.has(connection.id)) return;
    // Before the listener is there, since one that is closed tells at once.
    this.#held.set(connection.id, () => {});
    const release = connection.onClose(() => this.#release(connection.id));
    if (this.#held.has(connection.id)) this.#held.set(connection.id, release);
  }

  async call(
    operation: DialectOperation,
    patience: Patience,
    order: CallOrder = FREE,
  ): Promise<CallOutcome> {
    const { node, clock } = this.#options;
    const home = node.homeOf(operation.key);
    const { sessionId } = this;
    const call = { kind: "dialect-call", sessionId, order, operation } as const;
    const registration = this.#registrationOn(home.number, clock.monotonicMs());
    const opening = registration.isOpen ? undefined : this.#opening();
    const outcome = await callDialect(home, call, patience, opening);
    if (outcome.kind === "dialect-done" || !isAboutSession(outcome)) registration.isOpen = true;
    if (!isGone(outcome)) return outcome;
    if (!this.#isOver) this.#lose();
    const gone = dialectFailure("unavailable", "the connection's session has ended; ask again");
    return outcome.refusal === undefined ? gone : { ...gone, refusal: outcome.refusal };
  }

  wasOpened(partition: number, sentMs: number): void {
    this.#registrationOn(partition, sentMs).isOpen = true;
    if (this.#held.size === 0) this.#lingersUntilMs ??= sentMs + this.#options.graceMs;
  }

  /** Nothing is renewed any more; nobody is told. */
  stop(): void {
    this.#isOver = true;
    this.#cancelTimer();
    for (const release of this.#held.values()) release();
    this.#held.clear();
  }

  #registrationOn(partition: number, sentMs: number): Registration {
    const known = this.#registrations.get(partition);
    if (known !== undefined) return known;
    const fresh: Registration = { confirmedSentMs: sentMs, isOpen: false };
    this.#registrations.set(partition, fresh);
    return fresh;
  }

  #opening(): OpenSession {
    const { graceMs: ttlMs } = this.#options;
    const labels = new Map([["opened-by", "a dialect's connection"]]);
    return { kind: "open-session", sessionId: this.sessionId, ttlMs, graceMs: 0, labels };
  }

  #release(connection: number): void {
    this.#held.delete(connection);
    if (this.#held.size > 0 || this.#isOver) return;
    const { clock, graceMs } = this.#options;
    this.#lingersUntilMs = clock.monotonicMs() + graceMs;
    // Once more, so that the whole grace counts from here.
    this.#renewAll();
  }

  #schedule(): void {
    const { clock, graceMs } = this.#options;
    this.#cancelTimer = clock.setTimer(graceMs / 4, () => this.#beat());
  }

  #beat(): void {
    const { clock, graceMs } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#lingersUntilMs !== undefined && nowMs >= this.#lingersUntilMs) {
      this.stop();
      this.#forget();
      return;
    }
    const isHeld = [...this.#registrations.values()].every(({ isOpen, confirmedSentMs }) => {
      return !isOpen || nowMs < confirmedSentMs + graceMs - marginMs(graceMs);
    });
    if (!isHeld) {
      this.#lose();
      return;
    }
    if (this.#lingersUntilMs === undefined) this.#renewAll();
    this.#schedule();
  }

  #renewAll(): void {
    const sentMs = this.#options.clock.monotonicMs();
    for (const [partition, registration] of this.#registrations) {
      if (!registration.isOpen) continue;
      this.#options.node.partition(partition).renew({
        sessionId: this.sessionId,
        number: ++this.#renewals,
        attachment: undefined,
        settle: (lease) => this.#renewed(registration, lease, sentMs),
      });
    }
  }

  #renewed(registration: Registration, lease: LeaseOutcome, sentMs: number): void {
    if (this.#isOver) return;
    if (lease.kind === "confirmed") {
      registration.confirmedSentMs = Math.max(registration.confirmedSentMs, sentMs);
    } else if (lease.kind !== "unconfirmed") this.#lose();
  }

  /** A node that cannot renew a session ends what hangs on it; the next call begins another one. */
  #lose(): void {
    assert(!this.#isOver, "a session is lost once");
    this.stop();
    this.#forget();
    this.#lost.abort();
  }
}

/** The session may not have been opened by it. */
function isAboutSession({ refusal }: DialectFailure): boolean {
  const isRefused = refusal !== undefined && refusal !== "too_many_sessions";
  return !isRefused || refusal === "invalid_field" || refusal.startsWith("session_");
}

function isGone(outcome: CallOutcome): outcome is DialectFailure {
  if (outcome.kind === "dialect-done") return false;
  return outcome.refusal === "session_ended" || outcome.refusal === "session_unknown";
}

/** As a client's: 1 % of drift on either side, and 50 ms (semantics A2). */
function marginMs(ttlMs: number): number {
  return ttlMs * 0.02 + 50;
}
