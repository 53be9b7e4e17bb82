// SPDX-License-Identifier: Apache-2.0
/** The candidacies that live in a session, by partition. A register: it tells them nothing. */

import type { ElectionRef } from "@conclave/api";
import { assert } from "@conclave/base";
import type { Fact } from "./candidacy-machine.ts";

/** A candidacy, as its session sees it. */
export interface SessionMember {
  readonly key: string;
  readonly partition: number;
  /** `confirmedBy`: the renewal that must confirm it first; 0 when it is fresh. */
  told(fact: Fact, confirmedBy: bigint): void;
  /** Asks the server, linearizably, where this candidacy stands; answers through `Session.hasRead`. */
  read(): void;
  /** The session has ended on this partition. */
  sessionEnded(): void;
  /** What may be believed may have changed. */
  review(): void;
}

/** What tells the candidacies of one session apart. */
export function memberKey(election: ElectionRef | undefined, candidate: string): string {
  return `${election?.namespace}\n${election?.name}\n${candidate}`;
}

export class SessionMembers {
  readonly #byPartition = new Map<number, Map<string, SessionMember>>();

  /** Where there is one, as a copy that may be walked while they leave. */
  get partitions(): number[] {
    return [...this.#byPartition.keys()];
  }

  get isEmpty(): boolean {
    return this.#byPartition.size === 0;
  }

  /** Those on a partition, as a copy that may be walked while they leave. */
  on(partition: number): SessionMember[] {
    return [...(this.#byPartition.get(partition)?.values() ?? [])];
  }

  find(partition: number, key: string): SessionMember | undefined {
    return this.#byPartition.get(partition)?.get(key);
  }

  join(member: SessionMember): void {
    const { partition, key } = member;
    const other = this.find(partition, key);
    assert(other === undefined || other === member, "a candidacy is in a session once");
    const members = this.#byPartition.get(partition);
    if (members === undefined) this.#byPartition.set(partition, new Map([[key, member]]));
    else members.set(key, member);
  }

  /** False when it was not in. */
  leave({ partition, key }: SessionMember): boolean {
    const members = this.#byPartition.get(partition);
    if (members?.delete(key) !== true) return false;
    if (members.size === 0) this.#byPartition.delete(partition);
    return true;
  }
}
