// SPDX-License-Identifier: Apache-2.0
/**
 * O4: what a watch tells of an election is what happened to it, in order and once, from where the watch
 * began; what it leaves out, it says, and what it says to have told it has told.
 */

import type { Observation } from "../world/observation.ts";
import { broken } from "./broken.ts";
import type { Past, Story, StoryRule } from "./story.ts";

type Watched = Extract<Observation, { readonly kind: "watched" }>;
type Progress = Extract<Observation, { readonly kind: "watch-progress" }>;

const KINDS: ReadonlySet<string> = new Set([
  "watched",
  "watch-resumed",
  "watch-progress",
  "watch-failed",
] satisfies Observation["kind"][]);

interface Position {
  readonly revision: bigint;
  /** A gap was told since. */
  readonly isAfterGap: boolean;
}

export const watches: StoryRule = {
  id: "O4",
  begin: (story) => {
    const positions = new Map<string, Map<string, Position>>();
    return {
      observe(seen) {
        if (!isOfWatch(seen)) return undefined;
        const watch = `watch ${seen.watch} of ${seen.client}`;
        const known = positions.get(watch) ?? new Map<string, Position>();
        positions.set(watch, known);
        if (seen.kind === "watch-resumed") {
          known.set(seen.election, { revision: seen.after, isAfterGap: false });
          return undefined;
        }
        if (seen.kind === "watch-failed") {
          const refused = "is told of revisions that there are as if they had yet to come";
          return seen.code === "GAP" ? broken("O4", `${watch} ${refused}`) : undefined;
        }
        if (seen.kind === "watch-progress") {
          const untold = untoldBy(story, seen, known.get(seen.election));
          return untold === undefined ? undefined : broken("O4", `${watch} ${untold}`);
        }
        if (seen.isGap) {
          for (const [election, at] of known) known.set(election, { ...at, isAfterGap: true });
          return undefined;
        }
        const before = known.get(seen.election);
        // Of what went in the gap it tells the revision that was known before, and not when it went.
        const isAfterGap = before?.isAfterGap === true && isGone(seen, before);
        known.set(seen.election, { revision: placeIn(story, seen), isAfterGap });
        const found = story.isTold ? judge(story, seen, before) : outOfOrder(seen, before);
        return found === undefined ? undefined : broken("O4", `${watch}: ${found}`);
      },
    };
  },
};

function isOfWatch(seen: Observation): seen is Extract<Observation, { readonly watch: number }> {
  return KINDS.has(seen.kind);
}

/** What a watch has left out that says to have told everything. */
function untoldBy(
  story: Story,
  { election, revision }: Progress,
  before: Position | undefined,
): string | undefined {
  if (before === undefined || before.isAfterGap || before.revision === 0n) return undefined;
  const pasts = story.pastsOf(election);
  const [first, last] = [before.revision + 1n, revision + 1n].map((at) => placeOf(pasts, at));
  const untold = pasts.slice(first, last);
  if (untold.length === 0) return undefined;
  return `has told all up to revision ${revision}, without ${untold.map(pastText)}`;
}

/** Of what is not there a watch tells its last term: it went with the last change that left it empty. */
function placeIn(story: Story, { election, revision, term, candidates }: Watched): bigint {
  if (revision !== 0n || candidates.length > 0) return revision;
  const left = story
    .pastsOf(election)
    .findLast((past) => past.term === term && past.candidates.length === 0);
  return left?.revision ?? 0n;
}

/** It is not there, or it was gone when the watch was told everything anew. */
function isGone({ revision, candidates }: Watched, before: Position | undefined): boolean {
  return candidates.length === 0 && (revision === 0n || before?.revision === revision);
}

function judge(story: Story, seen: Watched, before: Position | undefined): string | undefined {
  const pasts = story.pastsOf(seen.election);
  const told = toldText(seen);
  if (isGone(seen, before)) return undefined;
  const at = placeOf(pasts, seen.revision);
  const past = pasts[at];
  if (past?.revision !== seen.revision) return `${told}, which never was`;
  if (!isSame(past, seen)) return `${told}, and it was ${pastText(past)}`;
  if (before === undefined || before.isAfterGap) return undefined;
  if (seen.revision <= before.revision) return `${told} after revision ${before.revision}`;
  const missed = pasts.slice(placeOf(pasts, before.revision + 1n), at);
  const hidden = [...missed, past].every((one, i, run) => isMinor(pasts[at - run.length + i], one));
  if (missed.length === 0 || hidden) return undefined;
  return `${told} after revision ${before.revision}, without ${missed.map(pastText)}`;
}

/**
 * Whether only the line of those who wait changed. Such changes may take each other's place while their
 * reader is slow; one of the office never does.
 */
function isMinor(before: Past | undefined, after: Past): boolean {
  return before?.term === after.term && before.candidates[0] === after.candidates[0];
}

/** All that can be said where nothing is known of what happened. */
function outOfOrder(seen: Watched, before: Position | undefined): string | undefined {
  if (before === undefined || before.isAfterGap || seen.candidates.length === 0) return undefined;
  if (seen.revision > before.revision) return undefined;
  return `${toldText(seen)} after revision ${before.revision}`;
}

/** Where this revision is, or would be: revisions of one election rise. */
function placeOf(pasts: readonly Past[], revision: bigint): number {
  let low = 0;
  let high = pasts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (pasts[middle]!.revision < revision) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isSame(past: Past, { term, leader, candidates }: Watched): boolean {
  return (
    past.term === term &&
    past.candidates[0] === leader &&
    past.candidates.length === candidates.length &&
    past.candidates.every((name, i) => candidates[i] === name)
  );
}

function toldText({ election, revision, term, candidates }: Watched): string {
  return `told of ${election} at revision ${revision}: term ${term}, [${candidates}]`;
}

function pastText({ revision, term, candidates, cause }: Past): string {
  return `revision ${revision} (${cause}): term ${term}, [${candidates}]`;
}
