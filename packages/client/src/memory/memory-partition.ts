// SPDX-License-Identifier: Apache-2.0
/**
 * The elections of one partition, in memory: semantics A1 in small, for the twin.
 *
 * It decides terms, revisions and changes, and tells them to a listener. It knows no sessions but
 * their ids, no time but what it is given, and no wire but the messages that it describes changes in.
 */

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Candidate,
  CandidateSchema,
  Cause,
  type Change,
  ChangeSchema,
  type ElectionView,
  ElectionViewSchema,
} from "@conclave/api";
import { electionRef } from "../wire-values.ts";

export interface Entrant {
  readonly name: string;
  readonly session: bigint;
  readonly instance: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface MemoryElection {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly term: bigint;
  readonly revision: bigint;
  readonly list: readonly Entrant[];
  readonly sinceMs: number;
}

export interface PartitionListener {
  changed(change: Change, before: MemoryElection, after: MemoryElection): void;
}

/** How many changes a resuming watch may have missed. */
const HISTORY_MAX = 1024;

export class MemoryPartition {
  readonly number: number;
  readonly #listener: PartitionListener;
  readonly #wallMs: () => number;
  readonly #elections = new Map<string, MemoryElection>();
  readonly #history: { readonly change: Change; readonly before: MemoryElection }[] = [];
  /** Terms of deleted elections go on where they ended. */
  readonly #tombstones = new Map<string, bigint>();
  #revision = 0n;

  constructor(number: number, wallMs: () => number, listener: PartitionListener) {
    this.number = number;
    this.#wallMs = wallMs;
    this.#listener = listener;
  }

  get revision(): bigint {
    return this.#revision;
  }

  /** The revision before the oldest change that is still known. */
  get floor(): bigint {
    return (this.#history[0]?.change.revision ?? this.#revision + 1n) - 1n;
  }

  find(namespace: string, name: string): MemoryElection | undefined {
    return this.#elections.get(keyOf(namespace, name));
  }

  /** As `find`, or what it would be if it were created now. */
  get(namespace: string, name: string): MemoryElection {
    const key = keyOf(namespace, name);
    const term = this.#tombstones.get(key) ?? 0n;
    return (
      this.#elections.get(key) ?? { key, namespace, name, term, revision: 0n, list: [], sinceMs: 0 }
    );
  }

  all(): MemoryElection[] {
    return [...this.#elections.values()];
  }

  changesAfter(revision: bigint): Change[] {
    return this.#history.map(({ change }) => change).filter((c) => c.revision > revision);
  }

  /** An election as it was at a revision that is not below the floor. */
  viewAt(namespace: string, name: string, revision: bigint): ElectionView {
    const key = keyOf(namespace, name);
    const next = this.#history.find((h) => h.change.revision > revision && h.before.key === key);
    return { ...this.view(next?.before ?? this.get(namespace, name)), asOfRevision: revision };
  }

  /** Replaces the list; one event and at most one new term, or nothing when nothing is different. */
  rearrange(
    election: MemoryElection,
    list: readonly Entrant[],
    cause: Cause,
    reason = "",
  ): MemoryElection {
    const leader = list[0];
    const old = election.list[0];
    const tookOffice =
      leader !== undefined && (leader.name !== old?.name || leader.session !== old.session);
    this.#revision += 1n;
    const after: MemoryElection = {
      ...election,
      list,
      term: election.term + (tookOffice ? 1n : 0n),
      revision: this.#revision,
      sinceMs: tookOffice ? this.#wallMs() : election.sinceMs,
    };
    if (cause === Cause.DELETED) {
      this.#elections.delete(election.key);
      this.#tombstones.set(election.key, after.term);
    } else {
      this.#elections.set(election.key, after);
    }
    const change = this.#describe(election, after, cause, reason);
    this.#history.push({ change, before: election });
    if (this.#history.length > HISTORY_MAX) this.#history.shift();
    this.#listener.changed(change, election, after);
    return after;
  }

  view(election: MemoryElection): ElectionView {
    const [leader, ...queue] = election.list;
    return create(ElectionViewSchema, {
      election: electionRef(election.namespace, election.name),
      revision: election.revision,
      term: election.term,
      ...(leader === undefined
        ? {}
        : { leader: candidateOf(leader), since: timestampFromMs(election.sinceMs) }),
      queue: queue.map(candidateOf),
      partition: this.number,
      asOfRevision: this.#revision,
    });
  }

  #describe(before: MemoryElection, after: MemoryElection, cause: Cause, reason: string): Change {
    const was = new Map(before.list.map((entrant) => [entrant.name, entrant]));
    const stays = new Set(after.list.map(({ name }) => name));
    const oldOrder = before.list.filter(({ name }) => stays.has(name));
    const newOrder = after.list.filter(({ name }) => was.has(name));
    const placed = (entrant: Entrant): { candidate: Candidate; position: number } => ({
      candidate: candidateOf(entrant),
      position: after.list.indexOf(entrant),
    });
    const isMoved = (entrant: Entrant, at: number): boolean => oldOrder[at]?.name !== entrant.name;
    const moved = newOrder.filter(isMoved);
    const isUpdated = (entrant: Entrant): boolean =>
      was.get(entrant.name) !== entrant && !moved.includes(entrant);
    return create(ChangeSchema, {
      election: electionRef(after.namespace, after.name),
      revision: after.revision,
      previousRevision: before.revision,
      term: after.term,
      ...(after.list[0] === undefined ? {} : { leader: candidateOf(after.list[0]) }),
      cause,
      reason,
      time: timestampFromMs(this.#wallMs()),
      partition: this.number,
      joined: after.list.filter(({ name }) => !was.has(name)).map(placed),
      left: before.list.filter(({ name }) => !stays.has(name)).map(({ name }) => name),
      moved: moved.map(placed),
      updated: newOrder.filter(isUpdated).map(candidateOf),
    });
  }
}

function keyOf(namespace: string, name: string): string {
  return `${namespace === "" ? "default" : namespace}\n${name}`;
}

function candidateOf({ name, instance, metadata }: Entrant): Candidate {
  return create(CandidateSchema, { name, instance, metadata: { ...metadata } });
}
