// SPDX-License-Identifier: Apache-2.0
/**
 * The proposals of one group that have not been answered, and what becomes of them.
 *
 * One that stands in the log is answered when its index is applied: with what proves to be there. A
 * member that leads no more may wait for that in vain, so it gives up after a while and says unknown.
 */

import type { NotAppliedReason, ProposeOutcome } from "../group.ts";
import type { LogEntry } from "../log/entry.ts";
import { OpenAnswers } from "./open-answers.ts";

interface InLog {
  readonly index: number;
  readonly raftTerm: number;
  readonly proposal: number;
}

export class OpenProposals {
  readonly #open = new OpenAnswers<ProposeOutcome>();
  /** Those in the log, by index. */
  #inLog: InLog[] = [];

  get hasAnyInLog(): boolean {
    return this.#inLog.length > 0;
  }

  open(proposal: number): Promise<ProposeOutcome> {
    return this.#open.wait(proposal);
  }

  refused(proposal: number, reason: NotAppliedReason): void {
    this.#open.answer(proposal, { kind: "not-applied", reason });
  }

  entered(entry: InLog): void {
    this.#inLog.push(entry);
  }

  /** These have been given to the state machine. */
  applied(entries: readonly LogEntry[]): void {
    const first = entries[0]?.index ?? 0;
    const last = entries.at(-1)?.index ?? 0;
    let answered = 0;
    for (const { index, raftTerm, proposal } of this.#inLog) {
      if (index > last) break;
      answered += 1;
      const isOurs = entries[index - first]?.raftTerm === raftTerm;
      // Another entry has been committed in its place, and it stood nowhere else.
      const outcome: ProposeOutcome = isOurs
        ? { kind: "applied", index }
        : { kind: "not-applied", reason: "not-leader" };
      this.#open.answer(proposal, outcome);
    }
    this.#inLog.splice(0, answered);
  }

  /** The log lost its entries from `from` on; another member may still have, and commit, them. */
  truncated(from: number): void {
    const lost = this.#inLog.filter(({ index }) => index >= from);
    this.#inLog = this.#inLog.filter(({ index }) => index < from);
    for (const { proposal } of lost) this.#open.answer(proposal, { kind: "unknown" });
  }

  /** The end of the group: what is in the log may yet be applied, the rest never is. */
  end(): void {
    this.truncated(0);
    this.#open.answerAll({ kind: "not-applied", reason: "stopped" });
  }
}
