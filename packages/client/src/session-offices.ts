// SPDX-License-Identifier: Apache-2.0
/**
 * What a session has heard of its candidacies' offices, and whether that may be relied on
 * (semantics A2).
 *
 * Of the attachments that push, the route of a partition alone is followed to the letter: its pushes
 * are the changes in the order of the log. Another attachment may lag or be ahead; from it only the
 * loss of an office is taken, which can never come too early.
 */

import type { Candidacy as CandidacyMessage } from "@conclave/api";
import { OfficeLedger } from "./office-ledger.ts";
import { memberKey, type SessionMember, SessionMembers } from "./session-members.ts";
import { factOfPush } from "./wire-values.ts";

export class SessionOffices {
  readonly #renewNow: (partition: number) => bigint;
  readonly #members = new SessionMembers();
  readonly #ledgers = new Map<number, OfficeLedger>();
  /** Partitions that have had a route: a new one may have missed something. */
  readonly #routed = new Set<number>();

  constructor(renewNow: (partition: number) => bigint) {
    this.#renewNow = renewNow;
  }

  /** Where there is a candidacy, as a copy that may be walked while they leave. */
  get partitions(): number[] {
    return this.#members.partitions;
  }

  get isEmpty(): boolean {
    return this.#members.isEmpty;
  }

  join(member: SessionMember): void {
    this.#members.join(member);
  }

  leave(member: SessionMember): void {
    if (this.#members.leave(member)) this.#ledger(member.partition).forget(member);
  }

  /** Some change of office there is known to have happened that has not been heard of. */
  isSuspended(partition: number): boolean {
    return this.#ledgers.get(partition)?.isSuspended === true;
  }

  /** The partition's pushes come by another attachment from now on. */
  rerouted(partition: number): void {
    this.#ledger(partition).attached();
    // What the route before may have missed; before the first there was nothing to miss.
    if (this.#routed.has(partition)) this.#readAll(partition);
    this.#routed.add(partition);
  }

  /** `isRoute`: it came by the attachment that the partition is followed by. */
  pushed(candidacy: CandidacyMessage, isRoute: boolean): void {
    const { partition, revision } = candidacy;
    const key = memberKey(candidacy.election, candidacy.candidate);
    const member = this.#members.find(partition, key);
    const fact = factOfPush(candidacy);
    if (!isRoute) {
      if (fact.place !== "leading") member?.told(fact, 0n);
      return;
    }
    const ledger = this.#ledger(partition);
    // During a reading this may be a picture taken by a replica that lags: let a renewal confirm it.
    const isFresh = !ledger.isReading || fact.place !== "leading";
    if (member !== undefined) member.told(fact, isFresh ? 0n : this.#renewNow(partition));
    this.#reviewIfLifted(ledger, partition, () => ledger.push(revision));
  }

  /** An acknowledgement has named the last change of office on the partition. */
  acknowledged(partition: number, officeRevision: bigint): void {
    const ledger = this.#ledger(partition);
    ledger.acknowledge(officeRevision);
    // The push is probably on its way; asking costs little and ends the doubt in any case.
    if (ledger.isSuspended && !ledger.isReadUnderWay) this.#readAll(partition);
    this.review(partition);
  }

  /** A reading has told the member's state, as of this revision. */
  hasRead(member: SessionMember, asOfRevision: bigint): void {
    const { partition } = member;
    const ledger = this.#ledger(partition);
    this.#reviewIfLifted(ledger, partition, () => ledger.read(member, asOfRevision));
  }

  /** The reading was refused: it is begun again when an acknowledgement leaves a doubt. */
  hasNotRead(member: SessionMember): void {
    this.#ledger(member.partition).failRead(member);
  }

  /** What may be believed on the partition may have changed. */
  review(partition: number): void {
    for (const member of this.#members.on(partition)) member.review();
  }

  /** The session has ended there. */
  end(partition: number): void {
    for (const member of this.#members.on(partition)) member.sessionEnded();
  }

  /** Where the step ends a suspension, those whom it concerned are asked to look again. */
  #reviewIfLifted(ledger: OfficeLedger, partition: number, step: () => void): void {
    const wasSuspended = ledger.isSuspended;
    step();
    if (wasSuspended && !ledger.isSuspended) this.review(partition);
  }

  #readAll(partition: number): void {
    const members = this.#members.on(partition);
    this.#ledger(partition).beginReading(members);
    for (const member of members) member.read();
  }

  #ledger(partition: number): OfficeLedger {
    let ledger = this.#ledgers.get(partition);
    if (ledger === undefined) {
      ledger = new OfficeLedger();
      this.#ledgers.set(partition, ledger);
    }
    return ledger;
  }
}
