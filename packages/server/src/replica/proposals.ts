// SPDX-License-Identifier: Apache-2.0
/**
 * Commands on their way into the log that this node leads: those of one turn become one entry, and
 * each is answered when its entry is applied, or when its patience ends.
 *
 * It never proposes a command twice: what is in no log because the leadership was lost goes back to
 * whoever submitted it.
 */

import { assert } from "@conclave/base";
import { type Command, encodeEntry, type LogEntry, type Reply } from "@conclave/fsm";
import { estimateBytes } from "./command-bytes.ts";
import type { CommittedEntry, ProposeOutcome, ReplicatedLog } from "./replicated-log.ts";

export type SubmissionOutcome =
  | AppliedSubmission
  | { readonly kind: "not-applied"; readonly reason: NotAppliedReason }
  /** It may or may not be applied, now or later. */
  | { readonly kind: "unknown" };

interface AppliedSubmission {
  readonly kind: "replied";
  /** One per command. */
  readonly replies: readonly Reply[];
  /** Where in the log: a replica that has applied this agrees with the replies. */
  readonly index: number;
}

/** `not-led`: it is in no log, since this node does not lead, or not any more. */
export type LedOutcome = SubmissionOutcome | { readonly kind: "not-led" };

export type NotAppliedReason = "no-leader" | "overloaded" | "no-space" | "shutting-down";

/** Commands that belong together, and how long they may take. */
export interface CommandBatch {
  /** Applied together: in one entry, in this order. */
  readonly commands: readonly Command[];
  /** On the monotonic clock. */
  readonly giveUpAtMs: number;
  /** Operators' commands and ends of sessions may use the room kept back for a full disk. */
  readonly mayUseReserve: boolean;
  /** Aborted: nobody waits for it any more, so what is not on its way yet need not go. */
  readonly signal?: AbortSignal;
}

/** Commands of this node's own clients: their outcome is told once, from the loop. */
export interface Submission extends CommandBatch {
  readonly settle: (outcome: SubmissionOutcome) => void;
}

/** Commands for a log that this node leads; told once, from the loop. */
export interface Proposal extends CommandBatch {
  readonly settle: (outcome: LedOutcome) => void;
}

/**
 * Entries of one partition on their way at a time. More would make small entries of what can share
 * one sync; fewer would leave the log idle while an answer travels back.
 */
const IN_FLIGHT_MAX = 4;
/** The size an entry is closed at, by estimate; the log takes twice as much. */
const ENTRY_BYTES_MAX = 1 << 20;
/** What may wait for the log; beyond it a command is refused as overloaded. */
const GATHERED_BYTES_MAX = 64 << 20;

interface Gathered {
  readonly submission: Proposal;
  readonly bytes: number;
  isSettled: boolean;
}

/** An entry between its proposal and the log's answer. */
export interface ProposedEntry {
  readonly entry: LogEntry;
  readonly bytes: Uint8Array;
  readonly raftTerm: number;
  readonly batch: readonly Gathered[];
  isCommitted: boolean;
  /** The state that it went into, or did not, was replaced. */
  isForgotten: boolean;
}

export class Proposals {
  readonly #log: ReplicatedLog;
  readonly #logTimeMs: () => number;
  #gathered: Gathered[] = [];
  #gatheredBytes = 0;
  #inFlight: ProposedEntry[] = [];
  #isScheduled = false;

  /** @param logTimeMs the time that an entry proposed now is given; for showing only. */
  constructor(log: ReplicatedLog, logTimeMs: () => number) {
    this.#log = log;
    this.#logTimeMs = logTimeMs;
  }

  submit(submission: Proposal): void {
    const bytes = estimateBytes(submission.commands);
    if (this.#log.role.kind !== "leader") {
      submission.settle({ kind: "not-led" });
    } else if (this.#gatheredBytes + bytes > GATHERED_BYTES_MAX) {
      submission.settle({ kind: "not-applied", reason: "overloaded" });
    } else {
      this.#gathered.push({ submission, bytes, isSettled: false });
      this.#gatheredBytes += bytes;
      this.#schedule();
    }
  }

  /** Proposes one entry at once, on its own and in this raftTerm only: for decisions measured in it. */
  proposeAlone(commands: readonly Command[], raftTerm: number): Promise<ProposeOutcome> {
    const bytes = encodeEntry({ timeMs: this.#logTimeMs(), commands });
    return this.#log.propose(bytes, { raftTerm, mayUseReserve: true });
  }

  /** The submissions of a committed entry, if it is one of ours; to be answered with `answer`. */
  takeCommitted(entry: CommittedEntry): ProposedEntry | undefined {
    // Only the leader of a raftTerm proposes in it: equal bytes in our raftTerm are our proposal.
    const found = this.#inFlight.find(
      (own) =>
        !own.isCommitted && own.raftTerm === entry.raftTerm && isEqual(own.bytes, entry.bytes),
    );
    if (found !== undefined) found.isCommitted = true;
    return found;
  }

  answer(own: ProposedEntry, replies: readonly Reply[], index: number): void {
    let next = 0;
    for (const item of own.batch) {
      const count = item.submission.commands.length;
      settle(item, { kind: "replied", replies: replies.slice(next, next + count), index });
      next += count;
    }
  }

  /** What waits goes back where the leadership has. */
  roleChanged(): void {
    if (this.#log.role.kind === "leader") return;
    for (const item of this.#gathered.splice(0)) settle(item, { kind: "not-led" });
    this.#gatheredBytes = 0;
  }

  /** The state was replaced: which entries went into the new one, nobody here has seen. */
  restored(): void {
    for (const own of this.#inFlight.splice(0)) {
      own.isForgotten = true;
      for (const item of own.batch) settle(item, { kind: "unknown" });
    }
  }

  /** Gives up what has waited for its whole patience, or for nobody any more. */
  sweep(nowMs: number): void {
    const isOverdue = ({ submission }: Gathered): boolean =>
      submission.giveUpAtMs <= nowMs || submission.signal?.aborted === true;
    const overdue = this.#gathered.filter(isOverdue);
    if (overdue.length > 0) {
      this.#gathered = this.#gathered.filter((item) => !isOverdue(item));
      for (const item of overdue) this.#refuse(item, "overloaded");
    }
    for (const own of this.#inFlight) {
      for (const item of own.batch) {
        if (item.submission.giveUpAtMs <= nowMs) settle(item, { kind: "unknown" });
      }
    }
    this.#schedule();
  }

  /** Nobody waits for an answer; the log may still hold entries whose commands were given up. */
  get isIdle(): boolean {
    const isAnswered = (own: ProposedEntry): boolean => own.batch.every((item) => item.isSettled);
    return this.#gathered.length === 0 && this.#inFlight.every(isAnswered);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#gathered.length === 0) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const { role } = this.#log;
    if (role.kind !== "leader") return;
    while (this.#gathered.length > 0 && this.#inFlight.length < IN_FLIGHT_MAX) {
      this.#propose(this.#takeBatch(), role.raftTerm);
    }
  }

  #takeBatch(): Gathered[] {
    let bytes = 0;
    let count = 0;
    for (const item of this.#gathered) {
      if (count > 0 && bytes + item.bytes > ENTRY_BYTES_MAX) break;
      bytes += item.bytes;
      count++;
    }
    this.#gatheredBytes -= bytes;
    if (count < this.#gathered.length) return this.#gathered.splice(0, count);
    const batch = this.#gathered;
    this.#gathered = [];
    return batch;
  }

  #propose(batch: Gathered[], raftTerm: number): void {
    const commands: Command[] = [];
    let mayUseReserve = true;
    for (const { submission } of batch) {
      for (const command of submission.commands) commands.push(command);
      mayUseReserve &&= submission.mayUseReserve;
    }
    const entry: LogEntry = { timeMs: this.#logTimeMs(), commands };
    const bytes = encodeEntry(entry);
    const fresh = { isCommitted: false, isForgotten: false };
    const own: ProposedEntry = { entry, bytes, raftTerm, batch, ...fresh };
    this.#inFlight.push(own);
    void this.#log
      .propose(bytes, { raftTerm, mayUseReserve })
      .then((outcome) => this.#concluded(own, outcome, mayUseReserve));
  }

  #concluded(own: ProposedEntry, outcome: ProposeOutcome, mayUseReserve: boolean): void {
    if (own.isForgotten) return;
    this.#inFlight = this.#inFlight.filter((other) => other !== own);
    const open = own.batch.filter((item) => !item.isSettled);
    switch (outcome.kind) {
      case "applied":
        assert(own.isCommitted, "an entry is delivered before its proposal is answered");
        break;
      case "unknown":
        for (const item of open) settle(item, { kind: "unknown" });
        break;
      case "not-applied":
        assert(!own.isCommitted, "an entry that is in no log was not delivered");
        this.#notApplied(open, outcome.reason, mayUseReserve);
    }
    this.#schedule();
  }

  #notApplied(
    open: readonly Gathered[],
    reason: Extract<ProposeOutcome, { kind: "not-applied" }>["reason"],
    mayUseReserve: boolean,
  ): void {
    if (reason === "not-leader" || reason === "raft-term-changed") {
      for (const item of open) settle(item, { kind: "not-led" });
    } else if (reason === "no-space") {
      // Only what may use the reserve is worth another try, and only without the others.
      const again = open.filter((item) => item.submission.mayUseReserve && !mayUseReserve);
      for (const item of open) if (!again.includes(item)) this.#refuse(item, "no-space", 0);
      for (const item of again) this.#propose([item], this.#log.role.raftTerm);
    } else {
      const refusal = reason === "stopped" ? "shutting-down" : "overloaded";
      for (const item of open) this.#refuse(item, refusal, 0);
    }
  }

  #refuse(item: Gathered, reason: NotAppliedReason, gatheredBytes: number = item.bytes): void {
    this.#gatheredBytes -= gatheredBytes;
    settle(item, { kind: "not-applied", reason });
  }
}

function settle(item: Gathered, outcome: LedOutcome): void {
  if (item.isSettled) return;
  item.isSettled = true;
  item.submission.settle(outcome);
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
