// SPDX-License-Identifier: Apache-2.0
/**
 * Which steps of a plan have been put in order so far, and what may come next; each can be taken back.
 * It knows of time and of what answers say, and nothing of what steps do.
 */

import type { ModelState } from "./election-model.ts";
import { type OpenCommand, type Plan, revisionOf, type Step, termOf } from "./plan.ts";
import { effectOf } from "./step-effect.ts";

/** `state`: the one that it leads to. */
export type Move =
  | {
      readonly kind: "step";
      readonly step: Step;
      readonly state: ModelState;
      readonly atNs: bigint;
    }
  | {
      readonly kind: "open";
      readonly command: OpenCommand;
      /** It was refused, which matters to whoever asks again under its request id. */
      readonly isRefused: boolean;
      readonly state: ModelState;
      readonly atNs: bigint;
    }
  | { readonly kind: "unasked"; readonly state: ModelState; readonly atNs: bigint };

/** What an undone step waits for, lowest first; those before `next` are done. */
interface Bounds {
  readonly sorted: readonly { readonly bound: bigint; readonly step: number }[];
  readonly positions: ReadonlyMap<number, number>;
  next: number;
}

/** How the first command of a request id ended, and so all others of it. */
type Fate = "carried-out" | "refused";

interface Taken {
  readonly move: Move;
  readonly nowBefore: bigint;
}

export class Progress {
  readonly plan: Plan;
  readonly #byCall: readonly Step[];
  readonly #numbers = new Map<Step, number>();
  readonly #isDone: boolean[];
  readonly #openDone = new Map<OpenCommand, Fate>();
  /** How many commands of a request id have ended so. */
  readonly #ended = new Map<string, { readonly fate: Fate; commands: number }>();
  readonly #shared: ReadonlySet<string>;
  readonly #returns: Bounds;
  readonly #revisions: Bounds;
  readonly #terms: Bounds;
  /** Moments after which something cannot happen any more. */
  readonly #ends: readonly bigint[];
  readonly #taken: Taken[] = [];
  readonly #hasConditions: boolean;
  #firstUndone = 0;
  #doneCount = 0;
  /** What is taken next happens at this moment or later. */
  #nowNs = -1n;

  constructor(plan: Plan) {
    this.plan = plan;
    this.#byCall = [...plan.steps].sort((a, b) => compare(a.callNs, b.callNs));
    for (const [number, step] of this.#byCall.entries()) this.#numbers.set(step, number);
    this.#isDone = this.#byCall.map(() => false);
    this.#returns = this.#boundsBy((step) => step.returnNs);
    this.#revisions = this.#boundsBy(revisionOf);
    this.#terms = this.#boundsBy(termOf);
    const ends = [...plan.mayEnter, ...plan.mayLeave].map(({ untilNs }) => untilNs);
    this.#ends = ends.filter((end) => end !== undefined).sort(compare);
    this.#shared = sharedRequests(plan);
    this.#hasConditions = [...plan.steps, ...plan.openCommands].some(
      ({ action }) => "ifRevision" in action && action.ifRevision !== undefined,
    );
  }

  get isComplete(): boolean {
    return this.#doneCount === this.#byCall.length;
  }

  get doneCount(): number {
    return this.#doneCount;
  }

  get nowNs(): bigint {
    return this.#nowNs;
  }

  /** Whatever comes next has happened by then: somebody had an answer. */
  get latestNs(): bigint | undefined {
    return this.#lowest(this.#returns)?.bound;
  }

  get hasTermsLeft(): boolean {
    return this.#lowest(this.#terms) !== undefined;
  }

  get hasRevisionsLeft(): boolean {
    return this.#hasConditions || this.#lowest(this.#revisions) !== undefined;
  }

  /** The answer by which one can tell best what has to happen next. */
  get target(): Step | undefined {
    const next = this.#lowest(this.#revisions) ?? this.#lowest(this.#terms);
    return next && this.#byCall[next.step];
  }

  isDone(step: Step): boolean {
    return this.#isDone[this.#numbers.get(step)!]!;
  }

  isOpenDone(command: OpenCommand): boolean {
    return this.#openDone.has(command);
  }

  /** How another command of this request id has ended; undefined: none has. */
  fateOf(request: string | undefined): Fate | undefined {
    return request === undefined ? undefined : this.#ended.get(request)?.fate;
  }

  /** Several commands have this request id. */
  isShared(request: string | undefined): boolean {
    return request !== undefined && this.#shared.has(request);
  }

  /** Steps that may come next, by time alone. */
  callable(): readonly Step[] {
    const latestNs = this.latestNs;
    const steps: Step[] = [];
    for (let i = this.#first(); i < this.#byCall.length; i++) {
      const step = this.#byCall[i]!;
      if (latestNs !== undefined && step.callNs > latestNs) break;
      if (!this.#isDone[i] && (step.after === undefined || this.isDone(step.after))) {
        steps.push(step);
      }
    }
    return steps;
  }

  /** The undone answers of the lowest revision, all of them. */
  nextByRevision(): readonly Step[] {
    return this.#allLowest(this.#revisions);
  }

  /** The undone answers of the lowest term, all of them. */
  nextByTerm(): readonly Step[] {
    return this.#allLowest(this.#terms);
  }

  /**
   * Those that fit where nothing is known to be otherwise: to take them now costs no way on, since
   * they change nothing, so no other place for them is looked for.
   */
  takeReadings(state: ModelState): void {
    for (let isMoving = true; isMoving; ) {
      isMoving = false;
      for (const step of this.callable()) {
        if (!step.isReading || this.isShared(step.request) || !this.#isFree(step)) continue;
        if (effectOf(state, step.action, step.operation.client) !== state) continue;
        this.take({ kind: "step", step, state, atNs: step.callNs });
        isMoving = true;
      }
    }
  }

  take(move: Move): void {
    this.#taken.push({ move, nowBefore: this.#nowNs });
    if (move.atNs > this.#nowNs) this.#nowNs = move.atNs;
    if (move.kind === "step") {
      this.#isDone[this.#numbers.get(move.step)!] = true;
      this.#doneCount++;
    }
    if (move.kind === "open") this.#openDone.set(move.command, fateOf(move)!);
    this.#count(move, 1);
  }

  /** How much has been taken; for `undoTo`. */
  mark(): number {
    return this.#taken.length;
  }

  undoTo(mark: number): void {
    while (this.#taken.length > mark) {
      const { move, nowBefore } = this.#taken.pop()!;
      this.#nowNs = nowBefore;
      this.#count(move, -1);
      if (move.kind === "open") this.#openDone.delete(move.command);
      if (move.kind === "step") this.#undo(this.#numbers.get(move.step)!);
    }
  }

  /** What has been done, in one text that no other selection shares. */
  key(): string {
    const first = this.#first();
    let beyond = "";
    for (let i = first, left = this.#doneCount - first; left > 0; i++) {
      if (!this.#isDone[i]) continue;
      beyond += `${i - first},`;
      left--;
    }
    const opens = this.plan.openCommands.map(
      (command) => this.#openDone.get(command)?.at(0) ?? "-",
    );
    const passed = this.#ends.findIndex((end) => end >= this.#nowNs);
    return `${first}:${beyond}${opens.join("")}:${passed}`;
  }

  /** The steps that were taken, in order. */
  order(): readonly Step[] {
    return this.#taken.flatMap(({ move }) => (move.kind === "step" ? [move.step] : []));
  }

  /** Taking it now puts an end to nothing that could still happen before it. */
  #isFree({ action, callNs }: Step): boolean {
    if (callNs <= this.#nowNs) return true;
    // What it saw is of one revision, which nothing that happens before it would leave in place.
    if (action.kind === "seen" && action.view.revision > 0n) return true;
    return !this.#ends.some((end) => end >= this.#nowNs && end < callNs);
  }

  #count(move: Move, by: number): void {
    const fate = fateOf(move);
    const request = requestOf(move);
    if (fate === undefined || request === undefined) return;
    const ended = this.#ended.get(request) ?? { fate, commands: 0 };
    ended.commands += by;
    if (ended.commands > 0) this.#ended.set(request, ended);
    else this.#ended.delete(request);
  }

  #undo(number: number): void {
    this.#isDone[number] = false;
    this.#doneCount--;
    if (number < this.#firstUndone) this.#firstUndone = number;
    for (const bounds of [this.#returns, this.#revisions, this.#terms]) {
      const position = bounds.positions.get(number);
      if (position !== undefined && position < bounds.next) bounds.next = position;
    }
  }

  #first(): number {
    while (this.#isDone[this.#firstUndone] === true) this.#firstUndone++;
    return this.#firstUndone;
  }

  #lowest(bounds: Bounds): Bounds["sorted"][number] | undefined {
    const { sorted } = bounds;
    while (bounds.next < sorted.length && this.#isDone[sorted[bounds.next]!.step]) bounds.next++;
    return sorted[bounds.next];
  }

  #allLowest(bounds: Bounds): readonly Step[] {
    const lowest = this.#lowest(bounds)?.bound;
    const steps: Step[] = [];
    for (let i = bounds.next; i < bounds.sorted.length; i++) {
      const { bound, step } = bounds.sorted[i]!;
      if (bound !== lowest) break;
      if (!this.#isDone[step]) steps.push(this.#byCall[step]!);
    }
    return steps;
  }

  #boundsBy(boundOf: (step: Step) => bigint | undefined): Bounds {
    const sorted = this.#byCall
      .flatMap((one, step) => {
        const bound = boundOf(one);
        return bound === undefined ? [] : [{ bound, step }];
      })
      .sort((a, b) => compare(a.bound, b.bound));
    const positions = new Map(sorted.map(({ step }, position) => [step, position]));
    return { sorted, positions, next: 0 };
  }
}

function requestOf(move: Move): string | undefined {
  if (move.kind === "unasked") return undefined;
  return move.kind === "step" ? move.step.request : move.command.request;
}

function fateOf(move: Move): Fate | undefined {
  if (move.kind === "unasked") return undefined;
  const isRefused = move.kind === "step" ? move.step.isReading : move.isRefused;
  return isRefused ? "refused" : "carried-out";
}

function sharedRequests(plan: Plan): ReadonlySet<string> {
  const once = new Set<string>();
  const shared = new Set<string>();
  for (const { request } of [...plan.steps, ...plan.openCommands]) {
    if (request === undefined) continue;
    (once.has(request) ? shared : once).add(request);
  }
  return shared;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
