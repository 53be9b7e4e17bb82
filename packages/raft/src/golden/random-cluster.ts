// SPDX-License-Identifier: Apache-2.0
/** A group whose members, network and disks do what chance says, and the rules that must hold meanwhile. */

import { assert, type Prng } from "@conclave/base";
import type { CoreConfig } from "../core/config.ts";
import type { Effect } from "../core/effect.ts";
import type { RaftMessage } from "../core/message.ts";
import type { ReplicaId } from "../ids.ts";
import { isJoint, membersOf } from "../log/configuration.ts";
import { Member, type MemberWatcher } from "./member.ts";

interface OpenRead {
  readonly replica: ReplicaId;
  readonly committed: number;
}

interface Letter {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
  readonly message: RaftMessage;
}

/** Small bounds, so that a short run meets all of them. */
const CONFIG: Omit<CoreConfig, "replica"> = {
  electionTicks: { min: 8, max: 16 },
  heartbeatTicks: 2,
  uncommittedBytesMax: 200,
  uncommittedEntriesMax: 20,
  flow: {
    append: { bytes: 20, entries: 3 },
    inflightBytesMax: 60,
    inflightMessagesMax: 4,
    snapshotChunkBytes: 100,
    snapshotInflightBytes: 250,
    tail: { bytes: 30, entries: 3 },
  },
};
const LETTERS_MAX = 200;

export class RandomCluster implements MemberWatcher {
  readonly counts = {
    leaders: 0,
    committed: 0,
    reads: 0,
    changes: 0,
    snapshots: 0,
    truncations: 0,
  };
  readonly #prng: Prng;
  readonly #members = new Map<ReplicaId, Member>();
  #letters: Letter[] = [];
  /** Pairs that cannot hear one another, by direction. */
  readonly #cuts = new Set<string>();
  readonly #leaders = new Map<number, ReplicaId>();
  /** What has been applied anywhere, by index. */
  readonly #committed = new Map<number, string>();
  #committedMax = 0;
  #number = 0;
  /** Of each open read: who was asked, and what was committed when it began. */
  readonly #reads = new Map<number, OpenRead>();

  constructor(prng: Prng) {
    this.#prng = prng;
    const size = 3 + prng.below(3);
    const ids = Array.from({ length: size }, (_, i) => i + 1);
    for (const id of ids) this.#add(id, ids);
    // Two more that wait to be added.
    this.#add(size + 1, []);
    this.#add(size + 2, []);
  }

  sent(from: Member, to: ReplicaId, message: RaftMessage): void {
    if (this.#letters.length < LETTERS_MAX) {
      this.#letters.push({ from: from.replica, to, message });
    }
  }

  did(member: Member, effect: Effect): void {
    if (effect.kind === "confirmed") {
      const open = this.#reads.get(effect.read);
      assert(open !== undefined, "a read is answered once");
      assert(effect.index >= open.committed, "a read sees what was committed before");
      this.counts.reads += 1;
    }
    if (effect.kind === "confirmed" || effect.kind === "not-confirmed") {
      this.#reads.delete(effect.read);
    }
    if (effect.kind === "truncated") this.counts.truncations += 1;
    if (effect.kind === "change-begun") this.counts.changes += 1;
    if (effect.kind === "write-snapshot-chunk") this.counts.snapshots += 1;
    assert(member.isUp, "only a member that is up does anything");
  }

  /** One thing that happens somewhere. */
  act(): void {
    const member = this.#pick([...this.#members.values()]);
    const dice = this.#prng.below(100);
    if (dice < 18) this.#tickAll();
    else if (dice < 20) this.#tick(member);
    else if (dice < 60) this.#deliverSome();
    else if (dice < 72) this.#persistSome(member);
    else if (dice < 88) this.#request(member);
    else if (dice < 90) this.#crashOrStart(member);
    else if (dice < 92) this.#cutOrHeal();
    else if (dice < 94) member.holdsWrites = this.#prng.chance(1, 3);
    else if (dice < 96) this.#change(member);
    else if (dice < 98 && member.isUp) member.takeSnapshot();
    else this.#transferOrLose(member);
    this.#check();
  }

  /** Everybody is up, everything arrives, for long enough to elect a leader and bring all up to date. */
  heal(): void {
    this.#cuts.clear();
    for (const member of this.#members.values()) {
      member.holdsWrites = false;
      if (!member.isUp) member.start();
      member.persist();
    }
    for (let i = 0; i < 80; i++) this.#settle();
  }

  checkHealed(): void {
    const before = this.#committedMax;
    const leader = this.#announcedLeader();
    assert(leader !== undefined, "a healed group has a leader");
    this.#propose(leader);
    for (let i = 0; i < 20; i++) this.#settle();
    assert(this.#committedMax > before, "a healed group commits");
    assert(this.#reads.size === 0, "in a healed group every read has been answered");
    const { configuration, index } = leader.state.configurations.inUse;
    assert(!isJoint(configuration), "a healed group leaves a joint configuration");
    assert(index <= leader.state.commitIndex, "a healed group commits its configuration");
    for (const replica of membersOf(configuration)) {
      const { state } = this.#members.get(replica)!;
      assert(state.lastApplied === this.#committedMax, `member ${replica} has caught up`);
    }
  }

  /** Log matching: where two logs hold an entry of one index and raftTerm they are equal up to it. */
  checkLogsMatch(): void {
    const up = [...this.#members.values()].filter((member) => member.isUp);
    for (const a of up) for (const b of up) if (a.replica < b.replica) assertMatching(a, b);
  }

  #add(replica: ReplicaId, voters: readonly ReplicaId[]): void {
    const bootstrap = { voters, outgoing: [], learners: [] };
    const member = new Member({ ...CONFIG, replica }, bootstrap, this);
    this.#members.set(replica, member);
    member.start();
  }

  #tickAll(): void {
    for (const member of this.#members.values()) if (!this.#prng.chance(1, 10)) this.#tick(member);
  }

  #tick(member: Member): void {
    if (member.isUp) member.step({ kind: "tick" });
  }

  #deliverSome(): void {
    for (let i = this.#prng.below(12); i >= 0 && this.#letters.length > 0; i--) {
      const isOvertaking = this.#prng.chance(1, 10);
      const at = isOvertaking ? this.#prng.below(this.#letters.length) : 0;
      const [letter] = this.#prng.chance(1, 30)
        ? [this.#letters[at]!]
        : this.#letters.splice(at, 1);
      if (!this.#prng.chance(1, 25)) this.#deliver(letter!);
      this.#check();
    }
  }

  #deliver({ from, to, message }: Letter): void {
    const member = this.#members.get(to)!;
    if (!member.isUp || this.#cuts.has(`${from}>${to}`)) return;
    member.step({ kind: "received", from, message });
  }

  #persistSome(member: Member): void {
    if (member.isUp) member.persist(1 + this.#prng.below(3));
  }

  #request(member: Member): void {
    const leader = this.#prng.chance(1, 4) ? member : this.#announcedLeader();
    if (leader === undefined || !leader.isUp) return;
    if (this.#prng.chance(1, 3)) {
      this.#number += 1;
      this.#reads.set(this.#number, { replica: leader.replica, committed: this.#committedMax });
      leader.step({ kind: "confirm", reads: [this.#number] });
      return;
    }
    for (let i = this.#prng.below(4); i >= 0; i--) this.#propose(leader);
  }

  #propose(leader: Member): void {
    this.#number += 1;
    const bytes = new TextEncoder().encode(`p${this.#number}`);
    leader.step({ kind: "propose", proposals: [{ proposal: this.#number, bytes }] });
  }

  #crashOrStart(member: Member): void {
    if (!member.isUp) {
      member.start();
      return;
    }
    member.crash(this.#prng.below(member.pendingWrites + 1));
    for (const [read, { replica }] of this.#reads) {
      if (replica === member.replica) this.#reads.delete(read);
    }
  }

  #cutOrHeal(): void {
    if (this.#cuts.size > 0 || this.#prng.chance(1, 2)) {
      this.#cuts.clear();
      return;
    }
    for (const from of this.#members.keys()) {
      for (const to of this.#members.keys()) {
        if (this.#prng.chance(1, 3)) this.#cuts.add(`${from}>${to}`);
      }
    }
  }

  #change(member: Member): void {
    const leader = this.#announcedLeader() ?? member;
    if (!leader.isUp) return;
    this.#number += 1;
    const voters: ReplicaId[] = [];
    const learners: ReplicaId[] = [];
    for (const replica of this.#members.keys()) {
      if (this.#prng.chance(2, 3)) voters.push(replica);
      else if (this.#prng.chance(1, 2)) learners.push(replica);
    }
    leader.step({ kind: "change-configuration", change: this.#number, voters, learners });
  }

  #transferOrLose(member: Member): void {
    if (!member.isUp) return;
    const other = this.#pick([...this.#members.keys()]);
    if (this.#prng.chance(1, 2)) member.step({ kind: "transfer", to: other });
    else member.step({ kind: "unreachable", replica: other });
  }

  /** One tick for all, and all messages with their answers. */
  #settle(): void {
    for (const member of this.#members.values()) this.#tick(member);
    for (let i = 0; i < 1_000 && this.#letters.length > 0; i++)
      this.#deliver(this.#letters.shift()!);
    this.#check();
  }

  #announcedLeader(): Member | undefined {
    const leaders = [...this.#members.values()].filter((member) => {
      return member.isUp && member.state.told.role.kind === "leader";
    });
    return leaders.sort((a, b) => b.state.raftTerm - a.state.raftTerm)[0];
  }

  #check(): void {
    for (const member of this.#members.values()) {
      if (!member.isUp) continue;
      const { role, raftTerm } = member.state;
      for (const { index, raftTerm: ofEntry, text } of member.applied.slice(-8)) {
        this.#checkApplied(index, `${ofEntry} ${text}`);
      }
      if (role.kind !== "leader") continue;
      const known = this.#leaders.get(raftTerm);
      assert(known === undefined || known === member.replica, "election safety");
      if (known !== undefined) continue;
      this.counts.leaders += 1;
      this.#leaders.set(raftTerm, member.replica);
      this.#checkCompleteness(member);
    }
  }

  #checkApplied(index: number, entry: string): void {
    const known = this.#committed.get(index);
    assert(known === undefined || known === entry, `state machine safety at ${index}`);
    if (known !== undefined) return;
    this.counts.committed += 1;
    this.#committed.set(index, entry);
    this.#committedMax = Math.max(this.#committedMax, index);
  }

  /** A leader's log holds every entry that has been committed in an earlier raftTerm. */
  #checkCompleteness({ state }: Member): void {
    for (const [index, entry] of this.#committed) {
      const raftTerm = Number(entry.split(" ")[0]);
      if (index <= state.log.base.index || raftTerm >= state.raftTerm) continue;
      assert(state.log.matches(index, raftTerm), `leader completeness at ${index}`);
    }
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#prng.below(items.length)]!;
  }
}

function assertMatching(a: Member, b: Member): void {
  const first = Math.max(a.state.log.base.index, b.state.log.base.index) + 1;
  const last = Math.min(a.state.log.last.index, b.state.log.last.index);
  let mustMatch = false;
  for (let index = last; index >= first; index--) {
    const [mine, theirs] = [a.entryAt(index)!, b.entryAt(index)!];
    if (mine.raftTerm === theirs.raftTerm) mustMatch = true;
    if (!mustMatch) continue;
    assert(mine.raftTerm === theirs.raftTerm, `log matching at ${index}`);
    assert(mine.bytes.join() === theirs.bytes.join(), `log matching at ${index}`);
  }
}
