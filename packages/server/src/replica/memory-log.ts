// SPDX-License-Identifier: Apache-2.0
/**
 * The honest in-memory twin of a replicated log: one member, no disk, faults on request.
 *
 * Entries commit at the end of the turn in which they were proposed, all of a turn at once. It can
 * stall, refuse, lose its leadership and take it again, so that specs can order what a real log
 * orders by chance.
 */

import { assert } from "@conclave/base";
import type {
  CommittedEntry,
  ConfirmOutcome,
  LogListener,
  LogRole,
  ProposalOptions,
  ProposalRefusal,
  ProposeOutcome,
  ReplicatedLog,
} from "./replicated-log.ts";

interface Proposed {
  readonly bytes: Uint8Array;
  readonly raftTerm: number;
  readonly resolve: (outcome: ProposeOutcome) => void;
}

export class MemoryLog implements ReplicatedLog {
  readonly #listener: LogListener;
  #role: LogRole = { kind: "follower", raftTerm: 0, leader: undefined };
  #appliedIndex = 0;
  #proposed: Proposed[] = [];
  #confirms: (() => void)[] = [];
  #isStalled = false;
  #areConfirmsStalled = false;
  #refusal: ProposalRefusal | undefined;
  /** Every entry that was committed, in order. */
  readonly entries: CommittedEntry[] = [];
  /** How many rounds were asked for. */
  confirmCount = 0;

  constructor(listener: LogListener) {
    this.#listener = listener;
  }

  get role(): LogRole {
    return this.#role;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  propose(bytes: Uint8Array, options: ProposalOptions = {}): Promise<ProposeOutcome> {
    const reason = this.#refusalOf(options);
    if (reason !== undefined) return Promise.resolve({ kind: "not-applied", reason });
    return new Promise((resolve) => {
      this.#proposed.push({ bytes, raftTerm: this.#role.raftTerm, resolve });
      if (this.#proposed.length === 1) queueMicrotask(() => this.#commit());
    });
  }

  confirm(): Promise<ConfirmOutcome> {
    this.confirmCount++;
    return new Promise((resolve) => {
      const answer = (): void => {
        const { role } = this;
        if (role.kind !== "leader") resolve({ kind: "not-confirmed", reason: "not-leader" });
        else resolve({ kind: "confirmed", index: this.#appliedIndex, raftTerm: role.raftTerm });
      };
      if (this.#areConfirmsStalled) this.#confirms.push(answer);
      else answer();
    });
  }

  /** Leads from now on; an engine's own entry of the new raftTerm moves the index. */
  lead(raftTerm: number = this.#role.raftTerm + 1): void {
    assert(raftTerm > this.#role.raftTerm, "a raftTerm rises");
    this.#appliedIndex++;
    this.#change({ kind: "leader", raftTerm });
  }

  /** Leads no more. What was proposed and not committed is lost: its proposers learn nothing. */
  follow(leader: number | undefined, raftTerm: number = this.#role.raftTerm + 1): void {
    const lost = this.#proposed;
    this.#proposed = [];
    this.#change({ kind: "follower", raftTerm, leader });
    for (const { resolve } of lost) resolve({ kind: "unknown" });
    this.resumeConfirms();
  }

  /** Commits nothing until `resume`. */
  stall(): void {
    this.#isStalled = true;
  }

  resume(): void {
    this.#isStalled = false;
    this.#commit();
  }

  /** Answers no round until `resumeConfirms`. */
  stallConfirms(): void {
    this.#areConfirmsStalled = true;
  }

  resumeConfirms(): void {
    this.#areConfirmsStalled = false;
    for (const answer of this.#confirms.splice(0)) answer();
  }

  /** Refuses every proposal with this reason, or takes them again. `no-space` spares the reserve. */
  refuse(reason: ProposalRefusal | undefined): void {
    this.#refusal = reason;
  }

  /** Commits an entry that another node proposed while it led. */
  replicate(bytes: Uint8Array, raftTerm: number): void {
    this.#deliver([{ index: this.#appliedIndex + 1, raftTerm, bytes }]);
  }

  /** The state as its user would store it. */
  takeSnapshot(): Uint8Array {
    const chunks = [...this.#listener.snapshot()];
    const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let offset = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, offset);
      offset += chunk.length;
    }
    return bytes;
  }

  /** Gives the user another state to go on from, as a restart or a leader's snapshot does. */
  install(bytes: Uint8Array): void {
    this.#appliedIndex++;
    this.#listener.restored({ index: this.#appliedIndex, raftTerm: this.#role.raftTerm, bytes });
  }

  #refusalOf(options: ProposalOptions): ProposalRefusal | undefined {
    const { role } = this;
    if (role.kind !== "leader") return "not-leader";
    const isOfOtherTerm = options.raftTerm !== undefined && options.raftTerm !== role.raftTerm;
    if (isOfOtherTerm) return "raft-term-changed";
    if (this.#refusal === "no-space" && options.mayUseReserve === true) return undefined;
    return this.#refusal;
  }

  #commit(): void {
    if (this.#isStalled || this.#proposed.length === 0) return;
    const proposed = this.#proposed;
    this.#proposed = [];
    const first = this.#appliedIndex + 1;
    this.#deliver(
      proposed.map(({ bytes, raftTerm }, i) => ({ index: first + i, raftTerm, bytes })),
    );
    for (const [i, { resolve }] of proposed.entries()) {
      resolve({ kind: "applied", index: first + i });
    }
  }

  #deliver(entries: readonly CommittedEntry[]): void {
    this.#appliedIndex += entries.length;
    this.entries.push(...entries);
    this.#listener.committed(entries);
  }

  #change(role: LogRole): void {
    this.#role = role;
    this.#listener.roleChanged(role);
  }
}
