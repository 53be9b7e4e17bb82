// SPDX-License-Identifier: Apache-2.0
/**
 * Who is off the list of members and still has a say: a replica votes until its group's change has
 * committed, and should hear of that.
 *
 * To cut it off at once could take from a group the majority that the change itself needs, where
 * another member is down.
 */

import type { Member } from "@conclave/fsm";
import { replicaIdOf } from "@conclave/raft";
import type { LogConfiguration } from "../replica/membership-log.ts";

/** Beats for which it is heard after no group here counts it any more: 5 s, to learn that itself. */
const LINGER_BEATS = 200;

export class LeavingMembers {
  readonly #leaving = new Map<number, { readonly member: Member; beats: number }>();

  /** The list is another one: who stood on the one before and not on this one is leaving. */
  changed(before: readonly Member[], now: readonly Member[]): void {
    for (const member of before) this.#leaving.set(member.node, { member, beats: 0 });
    // A new incarnation of a node takes the place of the old one, which is gone.
    for (const { node } of now) this.#leaving.delete(node);
  }

  get members(): readonly Member[] {
    return [...this.#leaving.values()].map(({ member }) => member);
  }

  /** To be called at every beat. True if somebody is gone for good. */
  beat(configurations: () => readonly LogConfiguration[]): boolean {
    if (this.#leaving.size === 0) return false;
    const counted = new Set(
      configurations().flatMap(({ voters, outgoing, learners }) => [
        ...voters,
        ...outgoing,
        ...learners,
      ]),
    );
    let isAnyGone = false;
    for (const [node, leaving] of this.#leaving) {
      const isCounted = counted.has(replicaIdOf(node, leaving.member.incarnation));
      leaving.beats = isCounted ? 0 : leaving.beats + 1;
      if (leaving.beats < LINGER_BEATS) continue;
      this.#leaving.delete(node);
      isAnyGone = true;
    }
    return isAnyGone;
  }
}
