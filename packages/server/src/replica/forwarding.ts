// SPDX-License-Identifier: Apache-2.0
/**
 * What a replica that does not lead has done by the node that does: one hop, for its own clients only
 * (decision 0010).
 *
 * What comes together in one turn goes in one call of its kind. Nothing is sent twice from here: what
 * was certainly not done is given back to be tried again, of the rest the outcome is unknown. An
 * answer is delivered once this replica has applied what it tells of, so that reads and pushes from
 * here agree with it.
 */

import type { SessionId } from "@conclave/fsm";
import { estimateBytes } from "./command-bytes.ts";
import type { AttachmentId } from "./deadlines.ts";
import type { ForwardCalls, ForwardOutcome } from "./forward-calls.ts";
import type { ForwardedDisconnect, SubmissionAnswer } from "./forward-messages.ts";
import type { LedSettled } from "./leadership.ts";
import type { CommandBatch } from "./proposals.ts";
import type { ArrivedRenewal, LeaseOutcome } from "./renewals.ts";
import type { ConfirmOutcome, LogRole } from "./replicated-log.ts";
import { strictCallOf } from "./strict-turns.ts";

export interface ForwardingOptions {
  readonly partition: number;
  readonly calls: ForwardCalls;
  readonly role: () => LogRole;
  readonly appliedIndex: () => number;
  /** Of the applied state. */
  readonly revision: () => bigint;
  readonly monotonicMs: () => number;
}

/** What one call carries at most, by estimate, so that no frame between nodes grows large. */
const CALL_BYTES_MAX = 256 * 1024;
const CALL_ITEMS_MAX = 4_096;
/** A round that was asked for is given up soon: asking again costs nothing. */
const CONFIRM_PATIENCE_MS = 1_000;
const RENEWAL_PATIENCE_MS = 5_000;
/** How long an answer of a leader that was replaced is still waited for: most are on their way. */
const REPLACED_PATIENCE_MS = 500;
/**
 * How long a renewal's answer waits for the replica to see what it tells of. It may then go ahead: a
 * client that has not heard of its `officeRevision` suspends what it leads (semantics A2).
 */
const LAG_PATIENCE_MS = 200;

interface Item {
  readonly submission: CommandBatch;
  readonly attachment: AttachmentId | undefined;
  readonly settle: LedSettled;
  isSettled: boolean;
}

interface CallUnderWay {
  readonly node: number;
  readonly controller: AbortController;
  /** The commands that it carries; a call of another kind has none. */
  readonly items: readonly Item[];
  /** How much longer it may take once another node leads. */
  readonly replacedPatienceMs: number;
  abandonAtMs: number;
}

/** An answer that waits for this replica to catch up. */
interface Behind {
  readonly isLevel: () => boolean;
  readonly deliver: () => void;
  readonly giveUpAtMs: number;
  readonly giveUp: () => void;
}

export class Forwarding {
  readonly #options: ForwardingOptions;
  #items: Item[] = [];
  #renewals: ArrivedRenewal[] = [];
  #disconnects: ForwardedDisconnect[] = [];
  #isScheduled = false;
  readonly #underWay = new Set<CallUnderWay>();
  #behind: Behind[] = [];

  constructor(options: ForwardingOptions) {
    this.#options = options;
  }

  /** `not-led`: certainly not applied. To be called while another node is known to lead. */
  submit(submission: CommandBatch, attachment: AttachmentId | undefined, settle: LedSettled): void {
    this.#items.push({ submission, attachment, settle, isSettled: false });
    this.#schedule();
  }

  renew(renewal: ArrivedRenewal): void {
    this.#renewals.push(renewal);
    this.#schedule();
  }

  disconnect(sessionId: SessionId, attachment: AttachmentId): void {
    const gone = this.#renewals.filter((renewal) => renewal.attachment === attachment);
    this.#renewals = this.#renewals.filter((renewal) => renewal.attachment !== attachment);
    for (const { settle: tell } of gone) tell({ kind: "unconfirmed" });
    this.#disconnects.push({ sessionId, attachment });
    this.#schedule();
  }

  /** A quorum round made by the leader; this replica has yet to apply the index that it names. */
  async confirm(): Promise<ConfirmOutcome> {
    const { partition, role, monotonicMs } = this.#options;
    const { leader } = followed(role());
    if (leader === undefined) return { kind: "not-confirmed", reason: "not-leader" };
    const giveUpAtMs = monotonicMs() + CONFIRM_PATIENCE_MS;
    const outcome = await this.#call(leader, { kind: "confirm", partition }, giveUpAtMs, 0, []);
    const answer = outcome.kind === "answered" ? outcome.answer : undefined;
    if (answer?.kind === "confirmed") return answer;
    const reason = answer?.kind === "overloaded" ? "overloaded" : "not-leader";
    return { kind: "not-confirmed", reason };
  }

  /** To be called when the replica has applied more. */
  appliedMoved(): void {
    if (this.#behind.length === 0) return;
    const level = this.#behind.filter((behind) => behind.isLevel());
    if (level.length === 0) return;
    this.#behind = this.#behind.filter((behind) => !behind.isLevel());
    for (const behind of level) behind.deliver();
  }

  roleChanged(): void {
    const role = this.#options.role();
    const { leader } = followed(role);
    if (leader === undefined && role.kind !== "leader") return;
    const nowMs = this.#options.monotonicMs();
    for (const call of this.#underWay) {
      if (call.node === leader) continue;
      call.abandonAtMs = Math.min(call.abandonAtMs, nowMs + call.replacedPatienceMs);
      if (call.abandonAtMs <= nowMs) call.controller.abort();
    }
  }

  /** Gives up what has waited for its whole patience, or for nobody any more. */
  sweep(nowMs: number): void {
    for (const { controller, items, abandonAtMs } of this.#underWay) {
      const isAbandoned =
        items.length > 0 && items.every(({ submission }) => isAborted(submission));
      if (isAbandoned || abandonAtMs <= nowMs) controller.abort();
      for (const item of items) {
        if (item.submission.giveUpAtMs <= nowMs) settle(item, UNKNOWN);
      }
    }
    const overdue = this.#behind.filter((behind) => behind.giveUpAtMs <= nowMs);
    if (overdue.length === 0) return;
    this.#behind = this.#behind.filter((behind) => behind.giveUpAtMs > nowMs);
    for (const behind of overdue) behind.giveUp();
  }

  /** At the end of the turn, so that all that comes in one turn goes together. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const items = this.#items.splice(0);
    const renewals = this.#renewals.splice(0);
    const disconnects = this.#disconnects.splice(0);
    const { leader } = followed(this.#options.role());
    if (leader === undefined) {
      for (const item of items) settle(item, NOT_LED);
      for (const renewal of renewals) renewal.settle({ kind: "unconfirmed" });
      return;
    }
    for (const batch of batchesOf(items)) void this.#submitTo(leader, batch);
    for (const batch of slicesOf(renewals)) void this.#renewAt(leader, batch);
    const { partition } = this.#options;
    for (const batch of slicesOf(disconnects)) {
      const request = { kind: "disconnects", partition, disconnects: batch } as const;
      // Nobody waits for it: a report that is lost costs the TTL.
      void this.#call(leader, request, this.#renewalGiveUpAtMs(), 0, []);
    }
  }

  async #submitTo(leader: number, items: readonly Item[]): Promise<void> {
    const { partition, monotonicMs } = this.#options;
    const nowMs = monotonicMs();
    const submissions = items.map(({ submission, attachment }) => {
      const { commands, giveUpAtMs, mayUseReserve } = submission;
      return { commands, remainingMs: giveUpAtMs - nowMs, mayUseReserve, attachment };
    });
    const request = { kind: "submissions", partition, submissions } as const;
    const giveUpAtMs = Math.max(...items.map(({ submission }) => submission.giveUpAtMs));
    const outcome = await this.#call(leader, request, giveUpAtMs, REPLACED_PATIENCE_MS, items);
    const isNotDone = outcome.kind === "lost" ? !outcome.isSent : outcome.answer.kind === "not-led";
    const answers =
      outcome.kind === "answered" && outcome.answer.kind === "submissions"
        ? outcome.answer.answers
        : [];
    for (const [i, item] of items.entries()) {
      this.#submitted(item, isNotDone ? NOT_LED : (answers[i] ?? UNKNOWN));
    }
  }

  #submitted(item: Item, answer: SubmissionAnswer): void {
    const { outcome } = answer;
    if (outcome.kind !== "replied") {
      settle(item, answer);
      return;
    }
    const { giveUpAtMs } = item.submission;
    this.#whenLevel({
      isLevel: () => this.#options.appliedIndex() >= outcome.index,
      deliver: () => settle(item, answer),
      giveUpAtMs,
      giveUp: () => settle(item, UNKNOWN),
    });
  }

  async #renewAt(leader: number, renewals: readonly ArrivedRenewal[]): Promise<void> {
    const { partition } = this.#options;
    const request = { kind: "renewals", partition, renewals } as const;
    const giveUpAtMs = this.#renewalGiveUpAtMs();
    const outcome = await this.#call(leader, request, giveUpAtMs, REPLACED_PATIENCE_MS, []);
    const leases =
      outcome.kind === "answered" && outcome.answer.kind === "renewals"
        ? outcome.answer.leases
        : [];
    for (const [i, renewal] of renewals.entries()) {
      this.#renewed(renewal, leases[i] ?? { kind: "unconfirmed" });
    }
  }

  #renewed({ settle: deliver }: ArrivedRenewal, lease: LeaseOutcome): void {
    if (lease.kind !== "confirmed") {
      deliver(lease);
      return;
    }
    this.#whenLevel({
      isLevel: () => this.#options.revision() >= lease.officeRevision,
      deliver: () => deliver(lease),
      giveUpAtMs: this.#options.monotonicMs() + LAG_PATIENCE_MS,
      giveUp: () => deliver(lease),
    });
  }

  #whenLevel(behind: Behind): void {
    if (behind.isLevel()) behind.deliver();
    else this.#behind.push(behind);
  }

  async #call(
    node: number,
    request: Parameters<ForwardCalls["call"]>[1],
    giveUpAtMs: number,
    replacedPatienceMs: number,
    items: readonly Item[],
  ): Promise<ForwardOutcome> {
    const controller = new AbortController();
    const abandonAtMs = Number.POSITIVE_INFINITY;
    const underWay = { node, controller, items, replacedPatienceMs, abandonAtMs };
    this.#underWay.add(underWay);
    const { signal } = controller;
    const outcome = await this.#options.calls.call(node, request, { giveUpAtMs, signal });
    this.#underWay.delete(underWay);
    return outcome;
  }

  #renewalGiveUpAtMs(): number {
    return this.#options.monotonicMs() + RENEWAL_PATIENCE_MS;
  }
}

const NOT_LED: SubmissionAnswer = { outcome: { kind: "not-led" }, isLeased: false };
const UNKNOWN: SubmissionAnswer = { outcome: { kind: "unknown" }, isLeased: false };

function settle(item: Item, { outcome, isLeased }: SubmissionAnswer): void {
  if (item.isSettled) return;
  item.isSettled = true;
  item.settle(outcome, isLeased);
}

/** A node that leads itself asks nobody. */
function followed(role: LogRole): { readonly leader: number | undefined } {
  return role.kind === "follower" ? role : { leader: undefined };
}

function isAborted({ signal }: CommandBatch): boolean {
  return signal?.aborted === true;
}

function batchesOf(items: readonly Item[]): readonly (readonly Item[])[] {
  const batches: Item[][] = [];
  const alone: Item[][] = [];
  let bytesLeft = 0;
  for (const item of items) {
    const { commands } = item.submission;
    // One that may be held until its turn would hold back the answers of all that came with it.
    if (strictCallOf(commands) !== undefined) {
      alone.push([item]);
      continue;
    }
    const bytes = estimateBytes(commands);
    if (bytes > bytesLeft || batches.length === 0) {
      batches.push([]);
      bytesLeft = CALL_BYTES_MAX;
    }
    batches.at(-1)?.push(item);
    bytesLeft -= bytes;
  }
  return [...batches, ...alone];
}

function slicesOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  const slices: T[][] = [];
  for (let start = 0; start < items.length; start += CALL_ITEMS_MAX) {
    slices.push(items.slice(start, start + CALL_ITEMS_MAX));
  }
  return slices;
}
