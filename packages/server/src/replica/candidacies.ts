// SPDX-License-Identifier: Apache-2.0
/**
 * Tells attached sessions of their own candidacies: office taken, office lost, candidacy gone.
 *
 * Only the sessions that a change concerns hear of it, so that a hand-over wakes two and not a herd.
 * A candidate that merely joins or moves in the queue is not told; the reply to its command says so.
 */

import {
  type Cause,
  type Change,
  keyText,
  type PrimitiveKey,
  type SessionId,
  type SessionView,
} from "@conclave/fsm";

export interface CandidacyEvent {
  readonly partition: number;
  readonly key: PrimitiveKey;
  readonly candidate: string;
  readonly state: "leading" | "waiting" | "gone";
  readonly revision: bigint;
  readonly term: bigint;
  /** Absent in the list that an attachment begins with. */
  readonly cause: Cause | undefined;
  readonly reason: string;
}

export interface CandidacyListener {
  /** In log order. */
  candidacy(event: CandidacyEvent): void;
  /** All candidacies of the session here have been told, as of this revision; changes follow. */
  candidaciesTold(partition: number, revision: bigint): void;
}

interface AttachedSession {
  readonly sessionId: SessionId;
  readonly listeners: Set<CandidacyListener>;
  /** Where it is a candidate, under texts of (key, candidate). */
  readonly held: Map<string, HeldCandidacy>;
}

interface Owned {
  readonly name: string;
  readonly sessionId: SessionId;
}

interface HeldCandidacy {
  readonly key: PrimitiveKey;
  readonly candidate: string;
}

export class Candidacies {
  readonly #partition: number;
  readonly #sessions = new Map<SessionId, AttachedSession>();
  /** Who holds a candidacy, among the attached and as far as changes have told. */
  readonly #holders = new Map<string, AttachedSession>();

  constructor(partition: number) {
    this.#partition = partition;
  }

  /** Sends the session's present candidacies, then every change until the returned function is called. */
  attach(
    sessionId: SessionId,
    listener: CandidacyListener,
    session: SessionView | undefined,
    revision: bigint,
  ): () => void {
    let attached = this.#sessions.get(sessionId);
    if (attached === undefined) {
      attached = { sessionId, listeners: new Set(), held: new Map() };
      this.#sessions.set(sessionId, attached);
    }
    attached.listeners.add(listener);
    this.#tellPresent(attached, [listener], session, revision);
    return () => this.#detach(attached, listener);
  }

  /**
   * The state was replaced, and how it came to be so is not told: what is gone is said to be, and
   * everybody hears their present candidacies anew.
   */
  replaced(sessionOf: (id: SessionId) => SessionView | undefined, revision: bigint): void {
    this.#holders.clear();
    const partition = this.#partition;
    for (const attached of this.#sessions.values()) {
      const session = sessionOf(attached.sessionId);
      const present = new Set(
        session?.candidacies.map(({ key, candidate }) => textOf(key, candidate)),
      );
      for (const [text, { key, candidate }] of attached.held) {
        if (present.has(text)) continue;
        const gone = { partition, key, candidate, state: "gone", revision, term: 0n } as const;
        for (const listener of attached.listeners) {
          listener.candidacy({ ...gone, cause: undefined, reason: "" });
        }
      }
      attached.held.clear();
      this.#tellPresent(attached, attached.listeners, session, revision);
    }
  }

  #tellPresent(
    attached: AttachedSession,
    listeners: Iterable<CandidacyListener>,
    session: SessionView | undefined,
    revision: bigint,
  ): void {
    const partition = this.#partition;
    for (const candidacy of session?.candidacies ?? []) {
      const { key, candidate, leading, term } = candidacy;
      this.#hold(attached, textOf(key, candidate), { key, candidate });
      const state = leading ? "leading" : "waiting";
      const told = {
        partition,
        key,
        candidate,
        state,
        revision: candidacy.revision,
        term,
      } as const;
      for (const listener of listeners)
        listener.candidacy({ ...told, cause: undefined, reason: "" });
    }
    if (session === undefined) return;
    for (const listener of listeners) listener.candidaciesTold(partition, revision);
  }

  publish(change: Change): void {
    if (this.#sessions.size === 0) return;
    const prefix = `${keyText(change.key)}\0`;
    for (const { candidate } of change.left) {
      this.#take(change, prefix, candidate);
      this.#leave(change, prefix, candidate.name);
    }
    for (const { candidate } of change.updated) this.#take(change, prefix, candidate);
    for (const { candidate } of change.moved) this.#take(change, prefix, candidate);
    for (const { candidate } of change.joined) this.#take(change, prefix, candidate);
    this.#tellOffice(change, prefix);
  }

  /**
   * The candidacy is this session's. Who was known to hold it has lost it: it was taken over in place,
   * perhaps long before, since that of one who waits changes nothing that is seen.
   */
  #take(change: Change, prefix: string, { name, sessionId }: Owned): void {
    const holder = this.#holders.get(prefix + name);
    if (holder?.sessionId === sessionId) return;
    if (holder !== undefined) this.#leave(change, prefix, name);
    const taker = this.#sessions.get(sessionId);
    const held = { key: change.key, candidate: name };
    if (taker !== undefined) this.#hold(taker, prefix + name, held);
  }

  #tellOffice(change: Change, prefix: string): void {
    const { leader, leaderBefore } = change;
    if (leader !== undefined) this.#take(change, prefix, leader);
    const isSame =
      leader?.name === leaderBefore?.name && leader?.sessionId === leaderBefore?.sessionId;
    if (isSame) return;
    if (leaderBefore !== undefined) {
      const deposed = this.#holders.get(prefix + leaderBefore.name);
      if (deposed?.sessionId === leaderBefore.sessionId) {
        this.#tell(deposed, change, leaderBefore.name, "waiting");
      }
    }
    if (leader === undefined) return;
    const taking = this.#sessions.get(leader.sessionId);
    if (taking !== undefined) this.#tell(taking, change, leader.name, "leading");
  }

  #leave(change: Change, prefix: string, name: string): void {
    const holder = this.#holders.get(prefix + name);
    if (holder === undefined) return;
    this.#holders.delete(prefix + name);
    holder.held.delete(prefix + name);
    this.#tell(holder, change, name, "gone");
  }

  #hold(attached: AttachedSession, text: string, held: HeldCandidacy): void {
    this.#holders.set(text, attached);
    attached.held.set(text, held);
  }

  #tell(
    attached: AttachedSession,
    change: Change,
    candidate: string,
    state: CandidacyEvent["state"],
  ): void {
    const { key, revision, term, cause, reason } = change;
    const partition = this.#partition;
    const event = { partition, key, candidate, state, revision, term, cause, reason };
    for (const listener of attached.listeners) listener.candidacy(event);
  }

  #detach(attached: AttachedSession, listener: CandidacyListener): void {
    attached.listeners.delete(listener);
    if (attached.listeners.size > 0 || this.#sessions.get(attached.sessionId) !== attached) return;
    this.#sessions.delete(attached.sessionId);
    for (const text of attached.held.keys()) this.#holders.delete(text);
  }
}

function textOf(key: PrimitiveKey, candidate: string): string {
  return `${keyText(key)}\0${candidate}`;
}
