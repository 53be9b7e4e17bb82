// SPDX-License-Identifier: Apache-2.0
/**
 * The turns of calls that are executed strictly in the order of their numbers (S0; semantics 4.1.2, A3).
 *
 * A number that comes before its turn is held here, in the leader and outside the log, until those
 * before it are on their way. Whoever gave a number up would stall its session for ever, so a gap is
 * waited for no longer than the session's timeout, counted from the first call that came behind it:
 * the lowest call that is held is then proposed and says that what was missing is void.
 *
 * What order holds is decided by the state machine. This only spares clients the refusal of what
 * came a moment too early.
 */

import {
  type Command,
  type DialectCall,
  type PartitionState,
  type SessionId,
  strictNumbersOf,
} from "@conclave/fsm";
import { estimateBytes } from "./command-bytes.ts";
import type { CommandBatch, LedOutcome } from "./proposals.ts";

export interface StrictTurnsOptions {
  readonly isLeading: () => boolean;
  readonly monotonicMs: () => number;
  /** The applied state; it is replaced when a snapshot is installed. */
  readonly state: () => PartitionState;
  readonly propose: (submission: CommandBatch, settle: Settle) => void;
}

type Settle = (outcome: LedOutcome) => void;

/** A call of S0 with its number. */
export interface StrictCall extends DialectCall {
  readonly order: Extract<DialectCall["order"], { readonly kind: "strict" }>;
}

/** Calls of one session that wait; as many as may be unanswered (A3). */
const HELD_PER_SESSION_MAX = 1_024;
const HELD_BYTES_MAX = 64 << 20;

interface Held {
  readonly call: StrictCall;
  readonly submission: CommandBatch;
  readonly settle: Settle;
  readonly bytes: number;
}

/** What of a session is proposed and not answered; its numbers count as executed meanwhile. */
interface UnderWay {
  through: number;
  count: number;
}

/** A session some number of which is missing. It is remembered when nobody waits any more. */
interface Gap {
  /** The number before the one that is missing. */
  after: number;
  sinceMs: number;
  /** In the order of their numbers. */
  readonly held: Held[];
}

/** The call, if the commands are one that has a turn; it then travels alone. */
export function strictCallOf(commands: readonly Command[]): StrictCall | undefined {
  const [call] = commands;
  if (call?.kind !== "dialect-call" || commands.length > 1) return undefined;
  return isStrict(call) ? call : undefined;
}

export class StrictTurns {
  readonly #options: StrictTurnsOptions;
  #underWay = new Map<SessionId, UnderWay>();
  #gaps = new Map<SessionId, Gap>();
  #heldBytes = 0;
  #heldCount = 0;
  #isClosed = false;

  constructor(options: StrictTurnsOptions) {
    this.#options = options;
  }

  submit(call: StrictCall, submission: CommandBatch, settle: Settle): void {
    if (!this.#options.isLeading()) {
      settle({ kind: "not-led" });
      return;
    }
    const last = this.#lastOf(call.sessionId);
    // The state machine knows what to say of a session that is not here.
    if (last === undefined || call.order.number <= last + 1) {
      this.#propose(call, submission, settle);
    } else if (this.#isClosed) {
      settle({ kind: "not-led" });
    } else {
      this.#hold(call, last, { call, submission, settle, bytes: estimateBytes([call]) });
    }
    this.#releaseOf(call.sessionId);
  }

  /** To be called when an entry is applied, or the state replaced. */
  applied(): void {
    for (const sessionId of this.#gaps.keys()) this.#releaseOf(sessionId);
  }

  roleChanged(): void {
    if (this.#options.isLeading()) return;
    this.#underWay = new Map();
    this.#giveBack();
  }

  /** Nobody is to wait for what this node does next; whoever leads then goes on with it. */
  close(): void {
    this.#isClosed = true;
    this.#giveBack();
  }

  #giveBack(): void {
    const gaps = [...this.#gaps.values()];
    this.#gaps = new Map();
    for (const { held } of gaps) for (const item of held) this.#settle(item, { kind: "not-led" });
  }

  /** Gives up what nobody waits for any more, and gaps that have been waited for. */
  sweep(nowMs: number): void {
    for (const [sessionId, gap] of this.#gaps) {
      const isOverdue = ({ submission }: Held): boolean =>
        submission.giveUpAtMs <= nowMs || submission.signal?.aborted === true;
      const overdue = gap.held.filter(isOverdue);
      if (overdue.length > 0) {
        const waiting = gap.held.filter((item) => !isOverdue(item));
        gap.held.splice(0, gap.held.length, ...waiting);
        for (const item of overdue) {
          this.#settle(item, { kind: "not-applied", reason: "overloaded" });
        }
      }
      this.#releaseOf(sessionId);
    }
  }

  get isIdle(): boolean {
    return this.#heldCount === 0;
  }

  #lastOf(sessionId: SessionId): number | undefined {
    const numbers = strictNumbersOf(this.#options.state(), sessionId);
    if (numbers === undefined) return undefined;
    return Math.max(numbers.last, this.#underWay.get(sessionId)?.through ?? 0);
  }

  #hold({ sessionId, order }: StrictCall, last: number, item: Held): void {
    const gap = this.#gaps.get(sessionId) ?? this.#openGap(sessionId, last);
    const isFull =
      gap.held.length >= HELD_PER_SESSION_MAX || this.#heldBytes + item.bytes > HELD_BYTES_MAX;
    if (isFull) {
      item.settle({ kind: "not-applied", reason: "overloaded" });
      return;
    }
    const place = gap.held.findIndex(({ call }) => call.order.number > order.number);
    gap.held.splice(place < 0 ? gap.held.length : place, 0, item);
    this.#heldBytes += item.bytes;
    this.#heldCount++;
  }

  #openGap(sessionId: SessionId, after: number): Gap {
    const gap: Gap = { after, sinceMs: this.#options.monotonicMs(), held: [] };
    this.#gaps.set(sessionId, gap);
    return gap;
  }

  /** Proposes those whose turn has come, one after the other. */
  #releaseOf(sessionId: SessionId): void {
    const gap = this.#gaps.get(sessionId);
    if (gap === undefined) return;
    const { state, monotonicMs } = this.#options;
    for (;;) {
      const last = this.#lastOf(sessionId);
      const ttlMs = strictNumbersOf(state(), sessionId)?.ttlMs ?? 0;
      if (last !== gap.after) {
        gap.after = last ?? 0;
        gap.sinceMs = monotonicMs();
        if (gap.held.length === 0) break;
      }
      const [next] = gap.held;
      if (next === undefined) return;
      const { number } = next.call.order;
      const hasTurn = last === undefined || number <= last + 1;
      const isWaitedFor = monotonicMs() - gap.sinceMs >= ttlMs;
      if (!hasTurn && !isWaitedFor) return;
      gap.held.shift();
      this.#take(next);
      this.#propose(next.call, next.submission, next.settle, hasTurn ? undefined : number - 1);
    }
    this.#gaps.delete(sessionId);
  }

  #propose(call: StrictCall, submission: CommandBatch, settle: Settle, voidThrough?: number): void {
    const { sessionId, order } = call;
    const { number } = order;
    const underWay = this.#underWay.get(sessionId) ?? { through: 0, count: 0 };
    this.#underWay.set(sessionId, underWay);
    underWay.through = Math.max(underWay.through, number);
    underWay.count++;
    const commands: readonly Command[] =
      voidThrough === undefined
        ? submission.commands
        : [{ ...call, order: { ...order, voidThrough } }];
    this.#options.propose({ ...submission, commands }, (outcome) => {
      underWay.count--;
      // Nothing is counted on any more that may have failed: what was applied is in the state.
      if (underWay.count === 0 && this.#underWay.get(sessionId) === underWay) {
        this.#underWay.delete(sessionId);
      }
      settle(outcome);
    });
  }

  #settle(item: Held, outcome: LedOutcome): void {
    this.#take(item);
    item.settle(outcome);
  }

  #take({ bytes }: Held): void {
    this.#heldBytes -= bytes;
    this.#heldCount--;
  }
}

function isStrict(call: DialectCall): call is StrictCall {
  return call.order.kind === "strict";
}
