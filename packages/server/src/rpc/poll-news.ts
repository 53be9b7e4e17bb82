// SPDX-License-Identifier: Apache-2.0
/**
 * When a long poll ends: as soon as one of its listeners was told something that its client does not
 * know, and no snapshot is half told, which would begin again from its first page.
 *
 * How far a client was told of its candidacies stands in `Listener.told`. What happened to them between
 * two polls is told by the list that a stream begins with, where what is gone does not stand; so whether
 * there is news in a list is asked of the partition's history.
 */

import {
  type AttachResponse,
  type Candidacy,
  Cause,
  type Listener,
  type Progress,
  type WatchResponse,
} from "@conclave/api";
import type { CandidateView, Change, SessionId } from "@conclave/fsm";
import type { ElectionNode } from "../replica/election-node.ts";

/** How many changes of a partition are looked through for one list; more count as news. */
const SEARCHED_MAX = 1_024n;

/** Of one listener. */
export class PollNews {
  readonly #node: Pick<ElectionNode, "partition">;
  readonly #sessionId: SessionId;
  readonly #told: ReadonlyMap<number, bigint>;
  /** Watches of whose snapshot only a part was told. */
  readonly #halfTold = new Set<bigint>();
  #hasNews = false;
  #isCutOff = false;

  constructor(node: Pick<ElectionNode, "partition">, { hello, told }: Listener) {
    this.#node = node;
    this.#sessionId = hello?.session?.sessionId ?? 0n;
    this.#told = new Map(told.map(({ partition, revision }) => [partition, revision]));
  }

  get hasNews(): boolean {
    return this.#hasNews;
  }

  /** It was told that what it watches is cut off, which it may have known and no poll can ask. */
  get isCutOff(): boolean {
    return this.#isCutOff;
  }

  /** The next poll could not go on from here. */
  get isInMidst(): boolean {
    return this.#halfTold.size > 0;
  }

  tell({ goodbye, candidaciesTold, candidacies, watchEvents }: AttachResponse): void {
    this.#hasNews ||=
      goodbye !== undefined ||
      candidaciesTold.some((list) => this.#isNewsIn(list)) ||
      candidacies.some((candidacy) => this.#isNews(candidacy));
    for (const { id, outcome } of watchEvents) {
      const event = outcome.case === "event" ? outcome.value : undefined;
      this.#note(event?.event);
      if (event?.resume.length === 0) this.#halfTold.add(id);
      else this.#halfTold.delete(id);
    }
  }

  /** @param event undefined: the watch has ended */
  #note(event: WatchResponse["event"] | undefined): void {
    if (event?.case === "progress") return;
    if (event?.case === "contact" && !event.value.quorum) this.#isCutOff = true;
    else this.#hasNews = true;
  }

  /** The last word to this listener. */
  end(): void {
    this.#hasNews = true;
    this.#halfTold.clear();
  }

  /** What stands in a list, which has no cause, is judged with the whole of it. */
  #isNews({ cause, partition, revision }: Candidacy): boolean {
    return cause !== Cause.UNSPECIFIED && revision > (this.#told.get(partition) ?? -1n);
  }

  #isNewsIn({ partition, revision }: Progress): boolean {
    const known = this.#told.get(partition);
    if (known === undefined || revision - known > SEARCHED_MAX) return true;
    const isOurs = (change: Change): boolean => concerns(change, this.#sessionId);
    const missed = this.#node.partition(partition).missedSince(known, isOurs);
    // `ahead`: another node has told more than this one has reached.
    return missed.kind === "gap" || (missed.kind === "replay" && missed.changes.length > 0);
  }
}

/** Whether a session's candidacy went, was taken over, or took or lost the office. */
function concerns(change: Change, sessionId: SessionId): boolean {
  const { leader, leaderBefore, left, updated } = change;
  const isOurs = (candidate: CandidateView | undefined): boolean =>
    candidate?.sessionId === sessionId;
  const isMoved = leader?.name !== leaderBefore?.name || isHandedOn(leader, leaderBefore);
  if (isMoved && (isOurs(leader) || isOurs(leaderBefore))) return true;
  if (left.some(({ candidate }) => isOurs(candidate))) return true;
  return updated.some(
    ({ candidate, before }) =>
      isHandedOn(candidate, before) && (isOurs(candidate) || isOurs(before)),
  );
}

function isHandedOn(a: CandidateView | undefined, b: CandidateView | undefined): boolean {
  return a?.sessionId !== b?.sessionId;
}
