// SPDX-License-Identifier: Apache-2.0
/**
 * The configurations that a member's log holds: the last of them is in use, committed or not, and
 * when its entry is taken away the one before it is in use again (Raft section 6).
 */

import { assert } from "@conclave/base";
import { type Configuration, isJoint } from "./configuration.ts";

/** A configuration with the index of its entry; the snapshot's index for the one it came with. */
export interface IndexedConfiguration {
  readonly index: number;
  readonly configuration: Configuration;
}

export class Configurations {
  /** In order of their entries; the first one holds for all that came before the second. */
  #held: IndexedConfiguration[];

  constructor(base: IndexedConfiguration) {
    assertSound(base.configuration);
    this.#held = [base];
  }

  get inUse(): IndexedConfiguration {
    return this.#held.at(-1)!;
  }

  /** The one that was in use when the log ended with `index`. */
  at(index: number): Configuration {
    const held = this.#held.findLast((candidate) => candidate.index <= index);
    assert(held !== undefined, "R6: a configuration is asked for behind the newest snapshot");
    return held.configuration;
  }

  /** The one in use at `index`, and those that came to be in use later. */
  from(index: number): readonly Configuration[] {
    const first = this.#held.findLastIndex((candidate) => candidate.index <= index);
    return this.#held.slice(Math.max(first, 0)).map((held) => held.configuration);
  }

  append(index: number, configuration: Configuration): void {
    assert(index > this.inUse.index, "R14: configurations follow one another in the log");
    assertSound(configuration);
    this.#held.push({ index, configuration });
  }

  truncateFrom(index: number): void {
    const kept = this.#held.filter((held, i) => i === 0 || held.index < index);
    this.#held = kept;
  }

  /** Forgets what was in use only before `index`. */
  compactTo(index: number): void {
    const first = this.#held.findLastIndex((held) => held.index <= index);
    if (first > 0) this.#held.splice(0, first);
  }
}

function assertSound(configuration: Configuration): void {
  const { voters, learners } = configuration;
  assert(new Set(voters).size === voters.length, "R15: a voter counts once");
  const isApart = voters.every((voter) => !learners.includes(voter));
  assert(isApart, "R15: a member is a voter or a learner");
  assert(voters.length > 0 || !isJoint(configuration), "R15: a change leads to voters");
}
