// SPDX-License-Identifier: Apache-2.0
/**
 * The commands of this node's own clients for one partition, on their way to its leader: this node,
 * another one, or one that is yet to be elected.
 *
 * A command is given on again only when it is certain that it is in no log (semantics A3); without a
 * leader it waits for its whole patience.
 */

import type { AttachmentId } from "./deadlines.ts";
import type { LedSettled } from "./leadership.ts";
import type { SubmissionOutcome } from "./proposals.ts";
import { type CommandBatch, estimateBytes, type LedOutcome } from "./proposals.ts";
import type { LogRole } from "./replicated-log.ts";

/** What takes commands to a leader: this node's own leadership, or the way to another node. */
interface Route {
  submit(submission: CommandBatch, attachment: AttachmentId | undefined, settle: LedSettled): void;
}

export interface SubmissionsOptions {
  readonly role: () => LogRole;
  readonly own: Route;
  readonly forwarding: Route;
  readonly settled: (outcome: SubmissionOutcome["kind"]) => void;
}

/** @param isLeased the session that was opened is leased from the sending of the request. */
export type Settled = (outcome: SubmissionOutcome, isLeased: boolean) => void;

/** What may wait for a leader; beyond it a command is refused as overloaded. */
const WAITING_BYTES_MAX = 64 << 20;

interface Waiting {
  readonly submission: CommandBatch;
  readonly attachment: AttachmentId | undefined;
  readonly settle: Settled;
  readonly bytes: number;
}

export class Submissions {
  readonly #options: SubmissionsOptions;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #underWayCount = 0;
  #isClosed = false;

  constructor(options: SubmissionsOptions) {
    this.#options = options;
  }

  submit(submission: CommandBatch, attachment: AttachmentId | undefined, settle: Settled): void {
    const told: Settled = (outcome, isLeased) => {
      this.#options.settled(outcome.kind);
      settle(outcome, isLeased);
    };
    if (this.#isClosed) {
      told({ kind: "not-applied", reason: "shutting-down" }, false);
      return;
    }
    const bytes = estimateBytes(submission.commands);
    this.#give({ submission, attachment, settle: told, bytes });
  }

  /** Tries what waits again. */
  roleChanged(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const item of waiting) this.#give(item);
  }

  /** Gives up what has waited for its whole patience, or for nobody any more; tries the rest again. */
  sweep(nowMs: number): void {
    if (this.#waiting.length === 0) return;
    const isOverdue = ({ submission }: Waiting): boolean =>
      submission.giveUpAtMs <= nowMs || submission.signal?.aborted === true;
    const overdue = this.#waiting.filter(isOverdue);
    this.#waiting = this.#waiting.filter((item) => !isOverdue(item));
    for (const { settle } of overdue) settle({ kind: "not-applied", reason: "no-leader" }, false);
    this.roleChanged();
  }

  /** From now on everything new is refused; what is under way goes on. */
  close(): void {
    this.#isClosed = true;
  }

  /** Nobody waits for an answer. */
  get isIdle(): boolean {
    return this.#waiting.length + this.#underWayCount === 0;
  }

  #give(item: Waiting): void {
    const role = this.#options.role();
    if (role.kind === "follower" && role.leader === undefined) {
      this.#wait(item);
      return;
    }
    const route = role.kind === "leader" ? this.#options.own : this.#options.forwarding;
    this.#underWayCount++;
    route.submit(item.submission, item.attachment, (outcome: LedOutcome, isLeased) => {
      this.#underWayCount--;
      // Not at once: what it was refused for is still so. The role or the next sweep tries it again.
      if (outcome.kind === "not-led") this.#wait(item);
      else item.settle(outcome, isLeased);
    });
  }

  #wait(item: Waiting): void {
    if (this.#waitingBytes + item.bytes > WAITING_BYTES_MAX) {
      item.settle({ kind: "not-applied", reason: "overloaded" }, false);
      return;
    }
    this.#waiting.push(item);
    this.#waitingBytes += item.bytes;
  }
}
