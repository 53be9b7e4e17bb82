// SPDX-License-Identifier: Apache-2.0
/**
 * The in-memory twin of one partition's log with several members: who leads is said, not voted for.
 *
 * What the leader proposes commits at the end of the turn, goes to the leader first and then to every
 * member that keeps up. Members can lag, be cut off, and have their state replaced, as specs please.
 */

import { assert } from "@conclave/base";
import type {
  CommittedEntry,
  ConfirmOutcome,
  LogListener,
  LogRole,
  ProposalOptions,
  ProposeOutcome,
  ReplicatedLog,
} from "./replicated-log.ts";

interface Proposed {
  readonly bytes: Uint8Array;
  readonly raftTerm: number;
  readonly resolve: (outcome: ProposeOutcome) => void;
}

export class MemoryGroup {
  readonly #members = new Map<number, MemoryMember>();
  /** What was committed; indices skip where a leader began. */
  readonly entries: CommittedEntry[] = [];
  #lastIndex = 0;
  #raftTerm = 0;
  #isStalled = false;
  #proposed: Proposed[] = [];
  #stalledConfirms: (() => void)[] | undefined;
  /** How many rounds were asked for. */
  confirmCount = 0;

  open(node: number, listener: LogListener): ReplicatedLog {
    const member = new MemoryMember(this, listener);
    this.#members.set(node, member);
    return member;
  }

  /** As `lead`, but the leader before it is cut off and believes that it leads still. */
  usurp(node: number): void {
    for (const [other, member] of this.#members) {
      if (other !== node && member.role.kind === "leader") member.isCut = true;
    }
    this.lead(node);
  }

  /** From now on this node leads, and everybody that is not cut off knows. */
  lead(node: number): void {
    this.#loseProposed();
    this.#raftTerm++;
    this.#lastIndex++;
    const leading = this.#member(node);
    leading.isCut = false;
    leading.catchUp();
    leading.become({ kind: "leader", raftTerm: this.#raftTerm });
    for (const [other, member] of this.#members) {
      if (other === node || member.isCut) continue;
      member.become({ kind: "follower", raftTerm: this.#raftTerm, leader: node });
      if (!member.isLagging) member.catchUp();
    }
  }

  /** Nobody leads, and nobody knows who will. */
  loseLeader(): void {
    this.#loseProposed();
    this.#raftTerm++;
    for (const member of this.#members.values()) {
      member.become({ kind: "follower", raftTerm: this.#raftTerm, leader: undefined });
    }
  }

  /** The node hears nobody any more and has noticed; what it had proposed is lost. */
  cut(node: number): void {
    const member = this.#member(node);
    if (member.role.kind === "leader") this.#loseProposed();
    member.isCut = true;
    member.become({ kind: "follower", raftTerm: this.#raftTerm, leader: undefined });
  }

  /** The node hears the leader again and catches up with it. */
  rejoin(node: number, leader: number): void {
    const member = this.#member(node);
    member.isCut = false;
    member.become({ kind: "follower", raftTerm: this.#raftTerm, leader });
    member.catchUp();
  }

  /** The node's replica stands still until it is let go; its role goes on. */
  lag(node: number): void {
    this.#member(node).isLagging = true;
  }

  catchUp(node: number): void {
    const member = this.#member(node);
    member.isLagging = false;
    member.catchUp();
  }

  /** Puts the state of another member in the place of the node's, as a leader's snapshot does. */
  install(node: number, from: number): void {
    const chunks = [...this.#member(from).listener.snapshot()];
    const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let offset = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, offset);
      offset += chunk.length;
    }
    this.#member(node).install(bytes, this.#member(from).appliedIndex);
  }

  /** Commits nothing until `resume`. */
  stall(): void {
    this.#isStalled = true;
  }

  resume(): void {
    this.#isStalled = false;
    this.#commit();
  }

  propose(bytes: Uint8Array, raftTerm: number): Promise<ProposeOutcome> {
    return new Promise((resolve) => {
      this.#proposed.push({ bytes, raftTerm, resolve });
      if (this.#proposed.length === 1) queueMicrotask(() => this.#commit());
    });
  }

  /** Answers no round until `resumeConfirms`. */
  stallConfirms(): void {
    this.#stalledConfirms = [];
  }

  resumeConfirms(): void {
    const stalled = this.#stalledConfirms ?? [];
    this.#stalledConfirms = undefined;
    for (const go of stalled) go();
  }

  confirm(raftTerm: number): Promise<ConfirmOutcome> {
    this.confirmCount++;
    const confirmed = { kind: "confirmed", index: this.#lastIndex, raftTerm } as const;
    const stalled = this.#stalledConfirms;
    if (stalled === undefined) return Promise.resolve(confirmed);
    return new Promise((resolve) => stalled.push(() => resolve(confirmed)));
  }

  #commit(): void {
    if (this.#isStalled) return;
    const proposed = this.#proposed.splice(0);
    const committed = proposed.map(({ bytes, raftTerm }) => {
      return { index: ++this.#lastIndex, raftTerm, bytes };
    });
    this.entries.push(...committed);
    const members = [...this.#members.values()];
    const leader = members.find(({ role, isCut }) => role.kind === "leader" && !isCut);
    leader?.catchUp();
    for (const [i, { resolve }] of proposed.entries()) {
      resolve({ kind: "applied", index: committed[i]?.index ?? 0 });
    }
    for (const member of members) if (!member.isCut && !member.isLagging) member.catchUp();
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  #loseProposed(): void {
    for (const { resolve } of this.#proposed.splice(0)) resolve({ kind: "unknown" });
  }

  #member(node: number): MemoryMember {
    const member = this.#members.get(node);
    assert(member !== undefined, "a member is one of the group's");
    return member;
  }
}

class MemoryMember implements ReplicatedLog {
  readonly listener: LogListener;
  readonly #group: MemoryGroup;
  #role: LogRole = { kind: "follower", raftTerm: 0, leader: undefined };
  #appliedIndex = 0;
  /** Who waits for a quorum that a leader which is cut off will not have. */
  #inVain: (() => void)[] = [];
  isLagging = false;
  isCut = false;

  constructor(group: MemoryGroup, listener: LogListener) {
    this.#group = group;
    this.listener = listener;
  }

  get role(): LogRole {
    return this.#role;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  propose(bytes: Uint8Array, options: ProposalOptions = {}): Promise<ProposeOutcome> {
    const { kind, raftTerm } = this.#role;
    if (kind !== "leader") return Promise.resolve({ kind: "not-applied", reason: "not-leader" });
    if (options.raftTerm !== undefined && options.raftTerm !== raftTerm) {
      return Promise.resolve({ kind: "not-applied", reason: "raft-term-changed" });
    }
    if (!this.isCut) return this.#group.propose(bytes, raftTerm);
    return new Promise((resolve) => this.#inVain.push(() => resolve({ kind: "unknown" })));
  }

  confirm(): Promise<ConfirmOutcome> {
    const { kind, raftTerm } = this.#role;
    const refused = { kind: "not-confirmed", reason: "not-leader" } as const;
    if (kind !== "leader") return Promise.resolve(refused);
    if (!this.isCut) return this.#group.confirm(raftTerm);
    return new Promise((resolve) => this.#inVain.push(() => resolve(refused)));
  }

  become(role: LogRole): void {
    this.#role = role;
    this.listener.roleChanged(role);
    for (const answer of this.#inVain.splice(0)) answer();
  }

  /** Gives everything that is committed and was not given yet. */
  catchUp(): void {
    const missed = this.#group.entries.filter(({ index }) => index > this.#appliedIndex);
    if (missed.length > 0) this.listener.committed(missed);
    this.#appliedIndex = this.#group.lastIndex;
  }

  install(bytes: Uint8Array, index: number): void {
    this.listener.restored({ index, raftTerm: this.#role.raftTerm, bytes });
    this.#appliedIndex = index;
  }
}
