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

import type { Clock } from "@conclave/base";
import {
  type CallOrder,
  type DialectOperation,
  hasSession,
  type PrimitiveKey,
  type SessionId,
} from "@conclave/fsm";
import type { ElectionNode } from "../replica/election-node.ts";
import type { Patience } from "./commands.ts";
import type { Connection } from "./connection-context.ts";
import { type CallOutcome, callDialect } from "./dialect-call.ts";
import { type DialectFailure, dialectFailure, failureOfDialectRefusal } from "./dialect-failure.ts";
import type { DialectName } from "./dialect-options.ts";
import { KeptSession } from "./kept-session.ts";
import { numberingAt } from "./read-barrier.ts";
import { holdWatch, type WatchHold } from "./watch-hold.ts";

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
  /** Ends once the session has closed the primitive, as far as this node knows. */
  watch(key: PrimitiveKey, caller: AbortSignal): WatchHold;
  call(operation: DialectOperation, patience: Patience, order?: CallOrder): Promise<CallOutcome>;
}

/** A session that was opened for a name by somebody else's call. */
interface Adoption {
  readonly dialect: DialectName;
  readonly name: string;
  readonly sessionId: SessionId;
  /** What it was entered in. */
  readonly key: PrimitiveKey;
  readonly sentMs: number;
}

export interface CarrierSessionsOptions {
  readonly node: ElectionNode;
  readonly clock: Clock;
  readonly drawSessionId: () => SessionId;
  readonly graceMs: number;
  /** How many are kept at a time, since callers give names as they please. Default 100,000. */
  readonly keptMax?: number;
}

const KEPT_MAX = 100_000;
const FREE: CallOrder = { kind: "free" };
const UINT64_MAX = (1n << 64n) - 1n;

export class CarrierSessions {
  readonly #options: CarrierSessionsOptions;
  readonly #kept: Map<string, KeptSession> = new Map();
  #isShutDown = false;

  constructor(options: CarrierSessionsOptions) {
    this.#options = options;
    options.node.onShutdown(() => {
      this.#isShutDown = true;
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
    if (this.#isShutDown) return SHUTTING_DOWN;
    const { drawSessionId } = this.#options;
    const key = textOf(carrier, connection);
    const known = this.#kept.get(key);
    if (known === undefined && this.#isFull) return TOO_MANY;
    const session = known ?? this.#open(key, drawSessionId());
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

  /** The caller has closed a primitive by its name (S4): its streams end, and its session if that was all. */
  left(carrier: Carrier, key: PrimitiveKey): void {
    const { connection, nativeSession } = carrier;
    if (nativeSession !== undefined || connection?.isShared !== true) return;
    this.#kept.get(textOf(carrier, connection))?.left(key);
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
  adopt({ dialect, name, sessionId, key: primitive, sentMs }: Adoption): void {
    if (!hasSession(this.#options.node.homeOf(primitive).state, sessionId)) return;
    const key = textOfName(dialect, name);
    const known = this.#kept.get(key);
    // It then lives for the grace, and its name takes the place over from it.
    if (known === undefined && this.#isFull) return;
    const session = known ?? this.#open(key, sessionId);
    if (session.sessionId === sessionId) session.wasOpened(primitive, sentMs);
  }

  get #isFull(): boolean {
    return this.#kept.size >= (this.#options.keptMax ?? KEPT_MAX);
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
      // It may be closed, and ends, at any node: streams are its owner's to end.
      lost: new AbortController().signal,
      watch: (_, caller) => holdWatch(caller, () => () => {}),
      call: async (operation, patience, order = FREE) => {
        const home = node.homeOf(operation.key);
        const numbering = await numberingAt(home, sessionId, patience.giveUpAtMs);
        if (typeof numbering === "object") return numbering;
        if (numbering === "s0" || numbering === "s1") return NOT_NATIVE;
        const call = { kind: "dialect-call", sessionId, order, operation } as const;
        return await callDialect(home, call, patience);
      },
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

/** Its id is a count and no secret. */
const NOT_NATIVE: DialectFailure = failureOfDialectRefusal({
  kind: "refused",
  reason: "session_mismatch",
});

const TOO_MANY: DialectFailure = dialectFailure(
  "exhausted",
  "too many sessions at this node, ask another one",
);

const SHUTTING_DOWN: DialectFailure = dialectFailure("unavailable", "not taken: shutting-down");
