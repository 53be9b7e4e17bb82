// SPDX-License-Identifier: Apache-2.0
/**
 * Looks for an order of steps that the model allows (Wing and Gong, "Testing and verifying concurrent
 * objects", 1993), with what makes it bearable: an undo list and a memory of (steps done, state)
 * (Lowe, "Testing for linearizability", 2017; Porcupine), readings taken as soon as they fit, and no
 * way followed past the revision or the term of an answer that has yet to find its place.
 */

import type { ModelState } from "./election-model.ts";
import { movesFrom } from "./moves.ts";
import type { Plan, Step } from "./plan.ts";
import { type Move, Progress } from "./progress.ts";
import { isHopeless } from "./prospects.ts";

export type Found =
  | { readonly kind: "ordered"; readonly order: readonly Step[] }
  | { readonly kind: "not-ordered"; readonly deepest: Deepest }
  /** The bound was reached. */
  | { readonly kind: "gave-up" };

/** As far as an order led. */
export interface Deepest {
  readonly order: readonly Step[];
  readonly state: ModelState;
  /** Steps of which one would have had to come next. */
  readonly blocked: readonly Step[];
}

interface Frame {
  readonly state: ModelState;
  readonly moves: readonly Move[];
  next: number;
  /** How much had been done before this frame's own steps. */
  readonly mark: number;
}

/**
 * @param movesMax how many moves are tried; ten thousand take about a second.
 * @param looksAhead false: follows hopeless ways too, so that `deepest` shows where they end.
 */
export function findOrder(plan: Plan, movesMax: number, looksAhead = true): Found {
  return new Search(plan, looksAhead).run(movesMax);
}

class Search {
  readonly #progress: Progress;
  readonly #seen = new Map<string, bigint>();
  #deepest: Deepest;
  #deepestCount = -1;

  readonly #beginning: ModelState;
  readonly #looksAhead: boolean;

  constructor(plan: Plan, looksAhead: boolean) {
    this.#beginning = plan.beginning;
    this.#deepest = { order: [], state: plan.beginning, blocked: [] };
    this.#looksAhead = looksAhead;
    this.#progress = new Progress(plan);
  }

  run(movesMax: number): Found {
    const progress = this.#progress;
    const frames: Frame[] = [];
    const first = this.#arrive(this.#beginning, 0);
    if (first === "done") return { kind: "ordered", order: progress.order() };
    if (first !== "nowhere") frames.push(first);
    for (let tried = 0; frames.length > 0; ) {
      const frame = frames.at(-1)!;
      const move = frame.moves[frame.next++];
      if (move === undefined) {
        this.#noteDepth(frame.state);
        frames.pop();
        progress.undoTo(frame.mark);
        continue;
      }
      if (++tried > movesMax) return { kind: "gave-up" };
      const mark = progress.mark();
      progress.take(move);
      const arrived = this.#arrive(move.state, mark);
      if (arrived === "done") return { kind: "ordered", order: progress.order() };
      if (arrived === "nowhere") progress.undoTo(mark);
      else frames.push(arrived);
    }
    return { kind: "not-ordered", deepest: this.#deepest };
  }

  /** Takes the readings that fit, and says where it can go on from here. */
  #arrive(state: ModelState, mark: number): Frame | "done" | "nowhere" {
    const progress = this.#progress;
    progress.takeReadings(state);
    if (progress.isComplete) return "done";
    if (this.#looksAhead && isHopeless(progress, state)) return "nowhere";
    if (this.#isKnown(state)) return "nowhere";
    return { state, moves: movesFrom(progress, state), next: 0, mark };
  }

  /**
   * Whether the same has been tried with at least as much freedom: a lower bound on the revision
   * allows whatever a higher one does.
   */
  #isKnown(state: ModelState): boolean {
    const { isExact, revision } = state;
    const key = `${this.#progress.key()} ${stateKey(state, this.#progress)}`;
    const lowest = this.#seen.get(key);
    if (lowest !== undefined && (isExact || lowest <= revision)) return true;
    this.#seen.set(key, revision);
    return false;
  }

  #noteDepth(state: ModelState): void {
    const count = this.#progress.doneCount;
    if (count <= this.#deepestCount) return;
    this.#deepestCount = count;
    const blocked = this.#progress.callable();
    this.#deepest = { order: this.#progress.order(), state, blocked };
  }
}

/** What of a state makes a difference to the steps that are left. */
function stateKey(state: ModelState, progress: Progress): string {
  const { exists, term, queue, isExact, revision, hasJustLeft } = state;
  const names = queue.map(({ name, client }) => `${name}/${client}`).join();
  const termKey = progress.hasTermsLeft ? term : "";
  const known = isExact && progress.hasRevisionsLeft ? revision : "";
  return `${exists ? 1 : 0}${hasJustLeft ? 1 : 0} ${termKey} ${known} ${names}`;
}
