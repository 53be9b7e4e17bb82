// SPDX-License-Identifier: Apache-2.0
/**
 * What really happened to elections: each group's committed entries, applied once more by nobody's
 * replica, the first time that any process is given them. Rules about elections judge by this and not
 * by what one replica says.
 *
 * Lists are put together from the changes, so that a change which tells something else than what it did
 * shows. It holds a whole run: for runs that are short enough to be kept.
 */

import { assert } from "@conclave/base";
import {
  type Applied,
  apply,
  type Cause,
  type Change,
  type Command,
  createPartition,
  decodeEntry,
  keyText,
  type PartitionState,
  restore,
  restoreCluster,
} from "@conclave/fsm";
import type { Beginning } from "../history/operation.ts";
import type { Observation, Violation } from "../world/observation.ts";
import { electionOf } from "./broken.ts";
import type { RuleCheck } from "./rule.ts";

/** An election after one of its changes. */
export interface Past {
  readonly revision: bigint;
  readonly term: bigint;
  /** The first leads. */
  readonly candidates: readonly string[];
  /** The session of the one that leads: it tells processes of one name apart. */
  readonly holder?: bigint | undefined;
  readonly cause: Cause | "nothing";
}

/** One entry, at the moment at which a process first applied it. */
export interface Chapter {
  readonly partition: number;
  readonly commands: readonly Command[];
  readonly applied: Applied;
  /** Of each change in `applied`, in order: the election before and after it. */
  readonly turns: readonly Turn[];
}

export interface Turn {
  readonly election: string;
  readonly change: Change;
  readonly before: Past;
  readonly after: Past;
}

/** A rule that is told the story, too. */
interface StoryCheck extends RuleCheck {
  chapter?(chapter: Chapter, nowMs: number): Violation | undefined;
  /** Another cluster begins, with a backup of the one before. */
  another?(): Violation | undefined;
}

export interface StoryRule {
  readonly id: string;
  begin(story: Story): StoryCheck;
}

interface Partition {
  readonly state: PartitionState;
  lastIndex: number;
}

/** After the snapshot with which each group of a restored cluster begins. */
const RESTORED_INDEX = 1;
const NOT_YET: Beginning = { exists: false, term: 0n, revision: 0n };
const BEFORE_ALL: Past = { revision: 0n, term: 0n, candidates: [], cause: "nothing" };

export class Story {
  readonly #partitions = new Map<number, Partition>();
  readonly #elections = new Map<string, Past[]>();
  /** What an election is in this cluster before the first entry of it speaks of it. */
  beginningOf: (election: string) => Beginning = () => NOT_YET;
  /** The revision of each partition when this cluster began. */
  #revisions = new Map<number, bigint>();

  /** What is new in it, oldest first; nothing where it has been told before. */
  observe(seen: Observation): readonly Chapter[] {
    if (seen.kind === "another-cluster") this.#beginAnother(seen.saved);
    if (seen.kind !== "committed") return [];
    const { group, entries } = seen;
    const partition = this.#partitions.get(group) ?? { state: createPartition(), lastIndex: 0 };
    this.#partitions.set(group, partition);
    const chapters: Chapter[] = [];
    for (const { index, bytes } of entries) {
      if (index <= partition.lastIndex) continue;
      partition.lastIndex = index;
      const decoded = decodeEntry(bytes);
      if (decoded.kind !== "entry") continue;
      const applied = apply(partition.state, decoded.entry);
      const turns = applied.changes.map((change) => this.#turn(change));
      chapters.push({ partition: group, commands: decoded.entry.commands, applied, turns });
    }
    return chapters;
  }

  /** False where nothing can be seen of servers from inside. */
  get isTold(): boolean {
    return this.#partitions.size > 0;
  }

  get partitions(): ReadonlyMap<number, Partition> {
    return this.#partitions;
  }

  /** Every state that it was in, oldest first. */
  pastsOf(election: string): readonly Past[] {
    return this.#elections.get(election) ?? [];
  }

  /** The revision with which a partition of this cluster began. */
  firstRevisionOf(partition: number): bigint {
    return this.#revisions.get(partition) ?? 0n;
  }

  /** What it was before stays told: terms and revisions of another cluster come after all of these. */
  #beginAnother(saved: ReadonlyMap<number, readonly Uint8Array[]>): void {
    const states = [...saved].map(([group, chunks]) => {
      const restored = restore(chunks);
      assert(restored.kind === "restored", "a backup holds states that can be restored");
      const { state } = restored;
      restoreCluster(state);
      this.#partitions.set(group, { state, lastIndex: RESTORED_INDEX });
      this.#revisions.set(group, state.revision);
      return state;
    });
    this.beginningOf = beginningIn(states);
    // Whatever is not there has ended after all that was, and before all that will be.
    const [least = 0n] = [...this.#revisions.values()].sort((a, b) => (a < b ? -1 : 1));
    for (const [election, pasts] of this.#elections) {
      const { exists, term, revision } = this.beginningOf(election);
      const past = { term, candidates: [], cause: "restored" } as const;
      pasts.push({ ...past, revision: exists ? revision : least });
    }
  }

  #turn(change: Change): Turn {
    const election = electionOf(change.key);
    const pasts = this.#elections.get(election) ?? [];
    this.#elections.set(election, pasts);
    const before = pasts.at(-1) ?? BEFORE_ALL;
    const { revision, term, cause } = change;
    const holder = change.leader?.sessionId;
    const candidates = rearranged(before.candidates, change);
    const after = { revision, term, candidates, holder, cause };
    pasts.push(after);
    return { election, change, before, after };
  }
}

/** Those that left go first, then those that came or moved are put where they are afterwards. */
function rearranged(list: readonly string[], change: Change): readonly string[] {
  const { joined, left, moved } = change;
  const placed = [...joined, ...moved].sort((a, b) => a.position - b.position);
  const away = new Set([...left, ...moved].map(({ candidate }) => candidate.name));
  const after = list.filter((name) => !away.has(name));
  for (const { candidate, position } of placed) after.splice(position, 0, candidate.name);
  return after;
}

function beginningIn(states: readonly PartitionState[]): (election: string) => Beginning {
  const beginnings = new Map<string, Beginning>();
  let floor = 0n;
  for (const { elections, tombstones, termFloor } of states) {
    if (termFloor > floor) floor = termFloor;
    for (const [text, { term, revision }] of elections) {
      beginnings.set(text, { exists: true, term, revision });
    }
    for (const [text, { term }] of tombstones) {
      beginnings.set(text, { exists: false, term, revision: 0n });
    }
  }
  return (election) => beginnings.get(textOf(election)) ?? { ...NOT_YET, term: floor };
}

/** The key of what `electionOf` has named. */
function textOf(election: string): string {
  if (election.includes("\0")) return election;
  return keyText({ kind: "election", namespace: "default", name: election });
}
