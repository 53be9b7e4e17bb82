// SPDX-License-Identifier: Apache-2.0
/**
 * The commands of this node's own clients for one partition, on their way to its leader: this node,
 * another one, or one that is yet to be elected.
 *
 * A command is given on again only when it is certain that it is in no log (semantics A3): at once
 * when another node leads, and now and then to the same one. Without a leader it waits for its whole
 * patience.
 */

import type { Prng } from "@conclave/base";
import { estimateBytes } from "./command-bytes.ts";
import type { AttachmentId } from "./deadlines.ts";
import type { LedSettled } from "./leadership.ts";
import type { CommandBatch, LedOutcome, SubmissionOutcome } from "./proposals.ts";
import type { LogRole } from "./replicated-log.ts";
import { RetryPace } from "./retry-pace.ts";

/** What takes commands to a leader: this node's own leadership, or the way to another node. */
interface Route {
  submit(submission: CommandBatch, attachment: AttachmentId | undefined, settle: LedSettled): void;
}

export interface SubmissionsOptions {
  readonly role: () => LogRole;
  readonly own: Route;
  readonly forwarding: Route;
  readonly monotonicMs: () => number;
  readonly prng: Pick<Prng, "below">;
  readonly settled: (outcome: SubmissionOutcome["kind"]) => void;
}

/** @param isLeased the session that was opened is leased from the sending of the request. */
export type Settled = (outcome: SubmissionOutcome, isLeased: boolean) => void;

/** What may wait for a leader; beyond it a command is refused as overloaded. */
const WAITING_BYTES_MAX = 64 << 20;
/** The longest wait for a leader, also of what may wait longer for its turn at one (semantics A5). */
const LEADERLESS_MAX_MS = 5_000;

interface Item {
  readonly submission: CommandBatch;
  readonly attachment: AttachmentId | undefined;
  readonly settle: Settled;
  readonly bytes: number;
}

interface Waiting extends Item {
  readonly giveUpAtMs: number;
}

export class Submissions {
  readonly #options: SubmissionsOptions;
  readonly #pace: RetryPace;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #underWayCount = 0;
  #isClosed = false;

  constructor(options: SubmissionsOptions) {
    this.#options = options;
    this.#pace = new RetryPace(options.prng);
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
    this.#pace.another();
    this.#retry(this.#options.monotonicMs());
  }

  /** Gives up what has waited for its whole patience, or for nobody any more; tries the rest again. */
  sweep(nowMs: number): void {
    if (this.#waiting.length === 0) return;
    if (this.#hasLeader && this.#pace.isDue(nowMs)) this.#retry(nowMs);
    else for (const item of this.#take((each) => isOverdue(each, nowMs))) giveUp(item);
  }

  /** From now on everything new is refused; what is under way goes on. */
  close(): void {
    this.#isClosed = true;
  }

  /** Nobody waits for an answer. */
  get isIdle(): boolean {
    return this.#waiting.length + this.#underWayCount === 0;
  }

  get #hasLeader(): boolean {
    const role = this.#options.role();
    return role.kind === "leader" || role.leader !== undefined;
  }

  #retry(nowMs: number): void {
    for (const item of this.#take(() => true)) {
      if (isOverdue(item, nowMs)) giveUp(item);
      else this.#give(item);
    }
  }

  /** What is taken waits no more. */
  #take(isWanted: (item: Waiting) => boolean): readonly Waiting[] {
    const taken = this.#waiting.filter(isWanted);
    this.#waiting = this.#waiting.filter((item) => !isWanted(item));
    for (const { bytes } of taken) this.#waitingBytes -= bytes;
    return taken;
  }

  #give(item: Item): void {
    if (!this.#hasLeader) {
      this.#wait(item);
      return;
    }
    const { role, own, forwarding } = this.#options;
    const route = role().kind === "leader" ? own : forwarding;
    const { asked } = this.#pace;
    this.#underWayCount++;
    route.submit(item.submission, item.attachment, (outcome: LedOutcome, isLeased) => {
      this.#underWayCount--;
      if (outcome.kind === "not-led") {
        // Not at once: what it was refused for is still so.
        this.#pace.failed(asked, this.#options.monotonicMs());
        this.#wait(item);
      } else {
        this.#pace.wentWell();
        item.settle(outcome, isLeased);
      }
    });
  }

  #wait(item: Item): void {
    if (this.#waitingBytes + item.bytes > WAITING_BYTES_MAX) {
      item.settle({ kind: "not-applied", reason: "overloaded" }, false);
      return;
    }
    const leaderlessMs = this.#options.monotonicMs() + LEADERLESS_MAX_MS;
    const giveUpAtMs = Math.min(item.submission.giveUpAtMs, leaderlessMs);
    this.#waiting.push({ ...item, giveUpAtMs });
    this.#waitingBytes += item.bytes;
  }
}

function isOverdue({ giveUpAtMs, submission }: Waiting, nowMs: number): boolean {
  return giveUpAtMs <= nowMs || submission.signal?.aborted === true;
}

function giveUp({ settle }: Item): void {
  settle({ kind: "not-applied", reason: "no-leader" }, false);
}
