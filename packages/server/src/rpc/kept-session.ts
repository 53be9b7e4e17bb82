// SPDX-License-Identifier: Apache-2.0
/**
 * One session that this node renews for as long as a connection holds it, and lets go of a grace later
 * (semantics A2). Opened on a partition with its first call there.
 */

import { assert, type CancelTimer, type Clock } from "@conclave/base";
import {
  type CallOrder,
  type DialectOperation,
  keyText,
  type OpenSession,
  type PrimitiveKey,
  type SessionId,
} from "@conclave/fsm";
import type { ElectionNode } from "../replica/election-node.ts";
import type { LeaseOutcome } from "../replica/renewals.ts";
import type { Patience } from "./commands.ts";
import type { Connection } from "./connection-context.ts";
import { type CallOutcome, callDialect } from "./dialect-call.ts";
import { type DialectFailure, dialectFailure } from "./dialect-failure.ts";
import { holdWatch, type WatchHold } from "./watch-hold.ts";

export interface KeptSessionOptions {
  readonly node: ElectionNode;
  readonly clock: Clock;
  /** Its TTL, and how long it lives when no connection holds it any more. */
  readonly graceMs: number;
}

const FREE: CallOrder = { kind: "free" };

const LOST: DialectFailure = dialectFailure(
  "unavailable",
  "the connection's session has ended; ask again",
);

interface Registration {
  /** Of the last request that was confirmed; the session is held for certain until a TTL later. */
  confirmedSentMs: number;
  /** Its first call has been answered: from then on it is renewed. */
  isOpen: boolean;
}

/** A session that this node renews. */
export class KeptSession {
  readonly sessionId: SessionId;
  readonly #options: KeptSessionOptions;
  readonly #forget: () => void;
  readonly #lost = new AbortController();
  readonly #held = new Map<number, () => void>();
  readonly #registrations = new Map<number, Registration>();
  /** What it may have candidacies in. */
  readonly #entered = new Set<string>();
  /** By primitive, what ends the streams that are open on it. */
  readonly #watches = new Map<string, Set<() => void>>();
  #underWayCount = 0;
  #renewals = 0n;
  #cancelTimer: CancelTimer = () => {};
  #dueMs = 0;
  #lingersUntilMs: number | undefined;
  #isOver = false;

  constructor(options: KeptSessionOptions, sessionId: SessionId, forget: () => void) {
    this.#options = options;
    this.#forget = forget;
    this.sessionId = sessionId;
    this.#schedule();
  }

  /** Aborted when this node gave it up. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  watch(key: PrimitiveKey, caller: AbortSignal): WatchHold {
    const text = keyText(key);
    return holdWatch(caller, (end) => {
      const ends = this.#watches.get(text) ?? new Set();
      this.#watches.set(text, ends.add(end));
      return () => {
        ends.delete(end);
        if (ends.size === 0 && this.#watches.get(text) === ends) this.#watches.delete(text);
      };
    });
  }

  /** On how many primitives it has streams open. */
  get watchedCount(): number {
    return this.#watches.size;
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
    const sentMs = clock.monotonicMs();
    const registration = this.#registrationOn(home.number, sentMs);
    const opening = registration.isOpen ? undefined : this.#opening();
    if (operation.kind !== "close") this.#entered.add(keyText(operation.key));
    this.#underWayCount++;
    const outcome = await this.#untilLost(callDialect(home, call, patience, opening));
    this.#underWayCount--;
    if (isGone(outcome)) {
      if (!this.#isOver) this.#lose();
      return { ...LOST, ...(outcome.refusal && { refusal: outcome.refusal }) };
    }
    if (this.#isOver) return outcome;
    const isAnswered = outcome.kind === "dialect-done" || !isAboutSession(outcome);
    if (isAnswered && !registration.isOpen) this.#opened(registration, sentMs);
    if (!isAnswered) return outcome;
    // A Close that was under way with it may have been answered first.
    if (operation.kind === "close") this.left(operation.key);
    else this.#entered.add(keyText(operation.key));
    return outcome;
  }

  /** By another's call, which has put it in a list. */
  wasOpened(key: PrimitiveKey, sentMs: number): void {
    this.#registrationOn(this.#options.node.homeOf(key).number, sentMs).isOpen = true;
    this.#entered.add(keyText(key));
    if (this.#held.size === 0) this.#lingersUntilMs ??= sentMs + this.#options.graceMs;
  }

  /**
   * A primitive is closed. A session without candidacies is left to its TTL: clients of S2 take
   * another for each election that they open, all on one connection.
   */
  left(key: PrimitiveKey): void {
    const text = keyText(key);
    for (const end of [...(this.#watches.get(text) ?? [])]) end();
    this.#entered.delete(text);
    if (this.#entered.size + this.#underWayCount > 0) return;
    this.stop();
    this.#forget();
  }

  /** Nothing is renewed any more; nobody is told. */
  stop(): void {
    this.#isOver = true;
    this.#cancelTimer();
    for (const release of this.#held.values()) release();
    this.#held.clear();
  }

  #opened(registration: Registration, sentMs: number): void {
    registration.isOpen = true;
    if (registration.confirmedSentMs === sentMs) return;
    // An earlier call, of which nothing was heard, may have opened it: its TTL counts from then.
    registration.confirmedSentMs = sentMs;
    this.#renewAll();
  }

  /** A call that hangs on it ends with it. */
  async #untilLost(call: Promise<CallOutcome>): Promise<CallOutcome> {
    let lose = (): void => {};
    const lost = new Promise<CallOutcome>((resolve) => (lose = () => resolve(LOST)));
    this.lost.addEventListener("abort", lose);
    try {
      return await Promise.race([call, lost]);
    } finally {
      this.lost.removeEventListener("abort", lose);
    }
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
    if (this.#registrations.size === 0) {
      this.stop();
      this.#forget();
      return;
    }
    const { clock, graceMs } = this.#options;
    this.#lingersUntilMs = clock.monotonicMs() + graceMs;
    // Once more, so that the whole grace counts from here.
    this.#renewAll();
  }

  /** Four times a grace, and when it ends, or is held no more if nothing is confirmed until then. */
  #schedule(): void {
    const { clock, graceMs } = this.#options;
    const nowMs = clock.monotonicMs();
    const leftMs = (this.#lingersUntilMs ?? this.#heldUntilMs()) - nowMs;
    const delayMs = leftMs > 0 ? Math.min(graceMs / 4, leftMs) : graceMs / 4;
    this.#dueMs = nowMs + delayMs;
    this.#cancelTimer = clock.setTimer(delayMs, () => this.#beat());
  }

  #beat(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#lingersUntilMs !== undefined) {
      // Nothing hangs on it, and its name may come back to it for all of the grace.
      if (nowMs < this.#lingersUntilMs) this.#schedule();
      else {
        this.stop();
        this.#forget();
      }
      return;
    }
    // By when it was due: this process may have stood still, and whoever leads with it. Then the
    // answer to a renewal decides, or the beat after this one.
    if (this.#dueMs >= this.#heldUntilMs()) {
      this.#lose();
      return;
    }
    this.#renewAll();
    this.#schedule();
  }

  /** By what is confirmed; nobody else has its offices before then. */
  #heldUntilMs(): number {
    const { graceMs } = this.#options;
    const open = [...this.#registrations.values()].filter(({ isOpen }) => isOpen);
    const confirmedMs = Math.min(...open.map(({ confirmedSentMs }) => confirmedSentMs));
    return confirmedMs + graceMs - marginMs(graceMs);
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
