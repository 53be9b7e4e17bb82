// SPDX-License-Identifier: Apache-2.0
/**
 * A group under the hand of a script: messages lie between the members until the script moves them,
 * and all that happens is written into a trace.
 */

import { assert } from "@conclave/base";
import type { CoreConfig } from "../core/config.ts";
import type { Effect } from "../core/effect.ts";
import type { RaftEvent } from "../core/event.ts";
import type { RaftMessage } from "../core/message.ts";
import type { ReplicaId } from "../ids.ts";
import { type Configuration, NO_CONFIGURATION } from "../log/configuration.ts";
import { Member, type MemberWatcher } from "./member.ts";
import { effectText, messageText } from "./trace.ts";

interface Letter {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
  readonly message: RaftMessage;
}

/** More messages than that in one `stabilize` are a storm, which no script wants. */
const DELIVERIES_MAX = 2_000;

export class World implements MemberWatcher {
  readonly members: Map<ReplicaId, Member> = new Map();
  readonly #config: Omit<CoreConfig, "replica">;
  #letters: Letter[] = [];
  /** `1>2`: what 1 sends never reaches 2. */
  readonly #cuts = new Set<string>();
  #trace: string[] = [];
  /** Said only if something follows from it. */
  #occasion: string | undefined;

  constructor(config: Omit<CoreConfig, "replica">) {
    this.#config = config;
  }

  add(replica: ReplicaId, bootstrap: Configuration): Member {
    assert(!this.members.has(replica), `there is a member ${replica} already`);
    return this.#put(replica, bootstrap);
  }

  /** Another disk under the same name, with nothing on it. */
  wipe(replica: ReplicaId): void {
    this.member(replica);
    this.#put(replica, NO_CONFIGURATION);
  }

  member(replica: ReplicaId): Member {
    const member = this.members.get(replica);
    assert(member !== undefined, `there is no member ${replica}`);
    return member;
  }

  /** What has been written into the trace since the last call. */
  takeTrace(): readonly string[] {
    const trace = this.#trace;
    this.#trace = [];
    this.#occasion = undefined;
    return trace;
  }

  say(line: string): void {
    this.#trace.push(line);
  }

  step(replica: ReplicaId, occasion: string, event: RaftEvent): void {
    const member = this.member(replica);
    if (!member.isUp) return;
    this.during(occasion, () => member.step(event));
  }

  during(occasion: string, act: () => void): void {
    this.#occasion = occasion;
    act();
    this.#occasion = undefined;
  }

  sent(from: Member, to: ReplicaId, message: RaftMessage): void {
    const isLost = this.#cuts.has(`${from.replica}>${to}`);
    this.#note(`${from.replica}->${to} ${messageText(message)}${isLost ? " (lost)" : ""}`);
    if (!isLost) this.#letters.push({ from: from.replica, to, message });
  }

  did(member: Member, effect: Effect): void {
    const text = effectText(member, effect);
    if (text !== undefined) this.#note(text);
  }

  cut(from: ReplicaId, to: ReplicaId): void {
    this.#cuts.add(`${from}>${to}`);
    this.drop((letter) => letter.from === from && letter.to === to);
  }

  join(): void {
    this.#cuts.clear();
  }

  /** Takes messages away undelivered; returns how many. */
  drop(isMeant: (letter: Letter) => boolean, count: number = Number.POSITIVE_INFINITY): number {
    let dropped = 0;
    this.#letters = this.#letters.filter((letter) => {
      const isDropped = dropped < count && isMeant(letter);
      if (isDropped) dropped += 1;
      return !isDropped;
    });
    return dropped;
  }

  /** Delivers the messages that are on their way now, in their order. */
  deliver(isMeant: (letter: Letter) => boolean, count: number = Number.POSITIVE_INFINITY): void {
    const meant = this.#letters.filter(isMeant).slice(0, count);
    this.#letters = this.#letters.filter((letter) => !meant.includes(letter));
    for (const letter of meant) this.#deliver(letter);
  }

  /** Puts copies of them behind all that is on its way. */
  duplicate(isMeant: (letter: Letter) => boolean): void {
    this.#letters.push(...this.#letters.filter(isMeant).map((letter) => ({ ...letter })));
  }

  /** Delivers everything, and what follows from it, until nothing is on its way. */
  stabilize(): void {
    for (let i = 0; this.#letters.length > 0; i++) {
      assert(i < DELIVERIES_MAX, "messages come to an end");
      this.#deliver(this.#letters.shift()!);
    }
  }

  #put(replica: ReplicaId, bootstrap: Configuration): Member {
    const member = new Member({ ...this.#config, replica }, bootstrap, this);
    this.members.set(replica, member);
    return member;
  }

  #deliver({ from, to, message }: Letter): void {
    const member = this.members.get(to);
    if (member === undefined || !member.isUp) return;
    this.#trace.push(`${to} hears ${from}: ${message.kind}`);
    member.step({ kind: "received", from, message });
  }

  #note(line: string): void {
    if (this.#occasion !== undefined) this.#trace.push(this.#occasion);
    this.#occasion = undefined;
    this.#trace.push(`  ${line}`);
  }
}
