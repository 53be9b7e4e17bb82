// SPDX-License-Identifier: Apache-2.0
/**
 * What really happened to elections: each group's committed entries, applied once more by nobody's
 * replica, the first time that any process is given them. Rules about elections judge by this and not
 * by what one replica says.
 *
 * Lists are put together from the changes, so that a change which tells something else than what it did
 * shows. It holds a whole run: for runs that are short enough to be kept.
 */

import {
  type Applied,
  apply,
  type Cause,
  type Change,
  type Command,
  createPartition,
  decodeEntry,
  type PartitionState,
} from "@conclave/fsm";
import type { Observation, Violation } from "../world/observation.ts";
import { electionOf } from "./broken.ts";
import type { RuleCheck } from "./rule.ts";

/** An election after one of its changes. */
export interface Past {
  readonly revision: bigint;
  readonly term: bigint;
  /** The first leads. */
  readonly candidates: readonly string[];
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
}

export interface StoryRule {
  readonly id: string;
  begin(story: Story): StoryCheck;
}

interface Partition {
  readonly state: PartitionState;
  lastIndex: number;
}

const BEFORE_ALL: Past = { revision: 0n, term: 0n, candidates: [], cause: "nothing" };

export class Story {
  readonly #partitions = new Map<number, Partition>();
  readonly #elections = new Map<string, Past[]>();

  /** What is new in it, oldest first; nothing where it has been told before. */
  observe(seen: Observation): readonly Chapter[] {
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

  #turn(change: Change): Turn {
    const election = electionOf(change.key);
    const pasts = this.#elections.get(election) ?? [];
    this.#elections.set(election, pasts);
    const before = pasts.at(-1) ?? BEFORE_ALL;
    const { revision, term, cause } = change;
    const after = { revision, term, candidates: rearranged(before.candidates, change), cause };
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
