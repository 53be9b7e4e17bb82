// SPDX-License-Identifier: Apache-2.0
/**
 * What one attachment has been told of its session's candidacies, over one stream after another.
 *
 * To the core the streams that follow each other are one: so what ended between two of them is told by
 * what the later one, beginning with all that there is, does not mention. It judges no belief.
 */

import { create } from "@bufbuild/protobuf";
import {
  type AttachCommand,
  type AttachReply,
  type AttachResponse,
  type Candidacy,
  CandidacySchema,
  CandidacyState,
  type ElectionRef,
  type Progress,
  ProgressSchema,
} from "@conclave/api";

type Held = Pick<Candidacy, "election" | "candidate" | "partition" | "revision">;

export class ToldCandidacies {
  /** Leading or waiting, as far as was told. */
  readonly #held = new Map<string, Held>();
  /** By partition, up to which revision anything was told. */
  readonly #told = new Map<number, bigint>();
  /** Of the present stream: the revision of the list that it began with, by partition. */
  readonly #listedAt = new Map<number, bigint>();
  /** What stood in those lists, or has been told before they were complete. */
  readonly #listed = new Set<string>();

  /** Where a poll goes on. */
  get progress(): Progress[] {
    return [...this.#told].map(([partition, revision]) =>
      create(ProgressSchema, { partition, revision }),
    );
  }

  /** Another stream tells from now on. */
  begin(): void {
    this.#listedAt.clear();
    this.#listed.clear();
  }

  /**
   * Takes a frame in. Returns those that have gone unheard, to be told before the frame: at their own
   * revisions, since what happened to others up to the list's is told only after them.
   */
  take({ candidacies, candidaciesTold }: AttachResponse): Candidacy[] {
    for (const candidacy of candidacies) {
      const { partition, revision, state } = candidacy;
      const key = keyOf(candidacy.election, candidacy.candidate);
      if (!this.#listedAt.has(partition)) this.#listed.add(key);
      this.#rise(partition, revision);
      if (state === CandidacyState.GONE) this.#held.delete(key);
      else this.#held.set(key, candidacy);
    }
    return candidaciesTold.flatMap(({ partition, revision }) => {
      if (this.#listedAt.has(partition)) return [];
      this.#listedAt.set(partition, revision);
      this.#rise(partition, revision);
      return [...this.#held.values()]
        .filter((h) => h.partition === partition)
        .flatMap((h) => this.#missing(h));
    });
  }

  /** An answer tells of a candidacy, too. Returns it where it has gone unheard, to be told after the answer. */
  answered({ command }: AttachCommand, { reply }: AttachReply): Candidacy[] {
    if (command.case === "enter" && reply.case === "enter" && reply.value.result !== undefined) {
      const { revision, partition } = reply.value.result;
      const { election, candidate } = command.value;
      const key = keyOf(election, candidate);
      const known = this.#held.get(key);
      if (known !== undefined && known.revision >= revision) return [];
      const held = {
        candidate,
        partition,
        revision,
        ...(election === undefined ? {} : { election }),
      };
      this.#held.set(key, held);
      return this.#missing(held);
    }
    if (command.case === "withdraw" && reply.case === "withdraw") {
      this.#held.delete(keyOf(command.value.election, command.value.candidate));
    }
    return [];
  }

  /** The candidacy as gone, where the present stream began after it and did not mention it. */
  #missing(held: Held): Candidacy[] {
    const key = keyOf(held.election, held.candidate);
    const listedAt = this.#listedAt.get(held.partition) ?? 0n;
    if (held.revision >= listedAt || this.#listed.has(key)) return [];
    this.#held.delete(key);
    const { candidate, partition, revision } = held;
    const election = held.election === undefined ? {} : { election: held.election };
    const state = CandidacyState.GONE;
    return [create(CandidacySchema, { ...election, candidate, partition, revision, state })];
  }

  #rise(partition: number, revision: bigint): void {
    if (revision > (this.#told.get(partition) ?? -1n)) this.#told.set(partition, revision);
  }
}

function keyOf(election: ElectionRef | undefined, candidate: string): string {
  return `${election?.namespace || "default"}\n${election?.name}\n${candidate}`;
}
