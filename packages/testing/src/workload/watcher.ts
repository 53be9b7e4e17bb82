// SPDX-License-Identifier: Apache-2.0
/** Watches one election or all of them, tells what it sees, and now and then begins anew where it was. */

import type { Prng } from "@conclave/base";
import { type Change, ElectionError, type View } from "@conclave/client";
import { pick } from "../pick.ts";
import { patience } from "./operator.ts";
import { seenIn } from "./recorder.ts";
import { pause, rest, type Stage } from "./stage.ts";

/** Of users who come and go. */
export interface WatchHabits {
  /** For how long one is away between two watches, at most. */
  readonly awayMs: number;
  /** By how many revisions it begins behind what it knows, at most. */
  readonly backMax: number;
}

/** What a watch is of, and after which revision it goes on. */
type Scope =
  | { readonly kind: "election"; readonly name: string; readonly after: bigint | undefined }
  | { readonly kind: "prefix"; readonly prefix: string };

/** How long one watch is read, in paces. */
const PACES = 40;

/** Until its process ends. `number` tells apart the watches of one process. */
export async function watch(stage: Stage, number: number): Promise<never> {
  const { prng } = stage;
  const name = prng.chance(1, 2) ? pick(prng, stage.elections) : undefined;
  let after = name === undefined ? undefined : stage.notebook.get(name);
  for (let count = 0; ; count++) {
    const scope: Scope =
      name === undefined ? { kind: "prefix", prefix: "" } : { kind: "election", name, after };
    after = await read(stage, number * 1_000 + count, scope, PACES * stage.paceMs);
    // Half of them come back with what they know, the others with nothing.
    if (prng.chance(1, 2)) after = undefined;
    await rest(stage);
  }
}

/**
 * As `watch`, for users who watch now this and now that, and go on from old notes: from right behind an
 * election's last change, and from before what a short history still holds.
 */
export async function watchNowAndThen(
  stage: Stage,
  number: number,
  habits: WatchHabits,
): Promise<never> {
  const { prng, elections, paceMs } = stage;
  for (let count = 0; ; count++) {
    const name = pick(prng, elections);
    const scope: Scope = prng.chance(2, 3)
      ? { kind: "election", name, after: await resumePoint(stage, name, habits) }
      : { kind: "prefix", prefix: pick(prng, ["", "e", name, "f"]) };
    await read(stage, number * 1_000 + count, scope, (1 + prng.below(PACES)) * paceMs);
    if (prng.chance(1, 2)) await pause(stage, prng.below(habits.awayMs));
    else await rest(stage);
  }
}

/** Undefined: it begins with the state as it is. */
async function resumePoint(
  stage: Stage,
  name: string,
  habits: WatchHabits,
): Promise<bigint | undefined> {
  const { prng, client, notebook } = stage;
  if (prng.chance(1, 5)) return undefined;
  let known = notebook.get(name);
  if (prng.chance(1, 3)) {
    const view = await unlessItFails(client.election(name).get({ signal: patience(stage) }));
    if (view !== undefined && view.revision > 0n) known = view.revision;
  }
  // It was not there when it was seen.
  if (known === undefined || known === 0n) return undefined;
  const back = BigInt(stepsBack(prng, habits));
  return known > back ? known - back : 1n;
}

function stepsBack(prng: Prng, { backMax }: WatchHabits): number {
  return prng.chance(1, 2) ? prng.below(2) : prng.below(backMax + 1);
}

async function unlessItFails<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof ElectionError) return undefined;
    throw error;
  }
}

/** One watch; the revision to go on after, undefined where there is none. */
async function read(
  stage: Stage,
  watch: number,
  scope: Scope,
  forMs: number,
): Promise<bigint | undefined> {
  const stop = new AbortController();
  void pause(stage, forMs).then(() => stop.abort());
  let after = scope.kind === "election" ? scope.after : undefined;
  if (scope.kind === "election" && after !== undefined) {
    const election = scope.name;
    stage.observe({ kind: "watch-resumed", client: stage.name, watch, election, after });
  }
  try {
    for await (const change of changesOf(stage, scope, stop.signal)) {
      const seen = tell(stage, watch, scope, change, after);
      if (seen === undefined) continue;
      after = seen;
      if (scope.kind === "election") stage.notebook.set(scope.name, seen);
    }
    return after;
  } catch (error) {
    if (!(error instanceof ElectionError)) throw error;
    stage.observe({ kind: "watch-failed", client: stage.name, watch, code: error.code });
    return undefined;
  }
}

function changesOf({ client }: Stage, scope: Scope, signal: AbortSignal): AsyncIterable<Change> {
  if (scope.kind === "prefix") return client.watch(scope.prefix, { signal });
  const { name, after } = scope;
  return client.election(name).watch(after === undefined ? { signal } : { after, signal });
}

function tell(
  stage: Stage,
  watch: number,
  scope: Scope,
  change: Change,
  before: bigint | undefined,
): bigint | undefined {
  const { name: client, observe } = stage;
  switch (change.type) {
    case "progress":
      if (scope.kind === "election") {
        const { revision } = change;
        observe({ kind: "watch-progress", client, watch, election: scope.name, revision });
      }
      return before;
    case "contact":
      return before;
    case "gap":
      observe({
        ...{ kind: "watched", client, watch, election: "", revision: change.lost[1], term: 0n },
        ...{ leader: undefined, candidates: [], isGap: true },
      });
      return before;
    default: {
      const { view }: { readonly view: View } = change;
      const { revision, term, leader, candidates } = seenIn(view);
      const { election } = view;
      observe({
        ...{ kind: "watched", client, watch, election, revision, term },
        ...{ leader, candidates, isGap: false },
      });
      return revision;
    }
  }
}
