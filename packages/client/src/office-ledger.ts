// SPDX-License-Identifier: Apache-2.0
/**
 * How far one partition's changes of office have been heard of by one session (semantics A2).
 *
 * An acknowledgement names the revision of the session's last gain or loss of office there. Until
 * that revision has been processed, some leadership of the partition may be lost unheard: all of
 * them are suspended. Pure bookkeeping; who asks and what is suspended is the session's business.
 *
 * Only what comes in the order of the log moves the mark: the pushes of an attachment, or a reading
 * of *every* candidacy of the partition. A single reply does not, since an earlier loss in another
 * election may still be on its way.
 */

export class OfficeLedger {
  /** The highest `office_revision` that an acknowledgement named. */
  #acknowledged = 0n;
  /** Everything up to here has been processed. */
  #processed = 0n;
  /** The highest push of this attachment, counted only once the reading below is complete. */
  #pushed = 0n;
  /** Candidacies still to be read, or nothing where no reading is under way. */
  #unread: Set<object> | undefined;
  /** Of those still to be read, at least one could not be. */
  #hasFailed = false;
  #readAt: bigint | undefined;

  /** Whether some change of office is known to have happened that has not been processed. */
  get isSuspended(): boolean {
    return this.#acknowledged > this.#processed;
  }

  /** Whether pushes may tell of a state that is older than what has happened meanwhile. */
  get isReading(): boolean {
    return this.#unread !== undefined;
  }

  /** Whether a reading is under way that may still complete. */
  get isReadUnderWay(): boolean {
    return this.isReading && !this.#hasFailed;
  }

  /** A new attachment: its pushes begin anew, with a picture that says nothing of what is gone. */
  attached(): void {
    this.#pushed = 0n;
  }

  /** Begins a reading of these candidacies; an earlier one is void. */
  beginReading(candidacies: Iterable<object>): void {
    this.#unread = new Set(candidacies);
    this.#readAt = undefined;
    this.#hasFailed = false;
    this.#completeIfRead();
  }

  /** A linearizable reading has told the candidacy's state as of this revision. */
  read(candidacy: object, asOfRevision: bigint): void {
    if (this.#unread?.delete(candidacy) !== true) return;
    if (this.#readAt === undefined || asOfRevision < this.#readAt) this.#readAt = asOfRevision;
    this.#completeIfRead();
  }

  /** It could not be read. Nothing is complete, and no push counts, until a reading is begun anew. */
  failRead(candidacy: object): void {
    if (this.#unread?.has(candidacy) === true) this.#hasFailed = true;
  }

  /** The candidacy is over: nothing can be lost with it, so nobody needs to read it. */
  forget(candidacy: object): void {
    if (this.#unread?.delete(candidacy) === true) this.#completeIfRead();
  }

  push(revision: bigint): void {
    if (revision > this.#pushed) this.#pushed = revision;
    if (!this.isReading) this.#raise(this.#pushed);
  }

  acknowledge(officeRevision: bigint): void {
    if (officeRevision > this.#acknowledged) this.#acknowledged = officeRevision;
  }

  #completeIfRead(): void {
    if (this.#unread === undefined || this.#unread.size > 0) return;
    this.#unread = undefined;
    // With nobody left to read, nothing of what was acknowledged can concern a leadership.
    this.#raise(this.#readAt ?? this.#acknowledged);
    this.#raise(this.#pushed);
  }

  #raise(revision: bigint): void {
    if (revision > this.#processed) this.#processed = revision;
  }
}
