// SPDX-License-Identifier: Apache-2.0
/**
 * Schedule K for a first start: three nodes form a cluster while they crash and their directories are
 * wiped at every point, and no node ever acts under incarnation 0 with a second directory after the
 * first has talked with another member.
 *
 * Like Raft itself, it holds while a majority's directories stay: a node that took part is wiped only
 * while the others are whole.
 */

import { createPrng, type Prng } from "@conclave/base";
import { expect, test } from "vitest";
import type { FormationState, Introduction } from "../wire/introduction.ts";
import { decideFormation, type FormationDecision } from "./formation.ts";

const NODES = [1, 2, 3];
const LIST = NODES.map((node) => ({ node, address: `10.0.0.${node}:7400` }));

interface Directory {
  readonly nonce: string;
  state: FormationState;
  incarnation: number;
  recorded: Readonly<Record<string, string>>;
}

/** A process over a directory; what it has heard and not yet written down dies with it. */
interface Process {
  readonly node: number;
  directory: Directory;
  isUp: boolean;
  answers: Map<number, Introduction>;
  decision: FormationDecision | undefined;
  /** It was wiped after it had taken part, and is not a member again yet. */
  isLost: boolean;
}

class World {
  readonly processes: readonly Process[];
  /** The nonces of the directories of each node that acted as incarnation 0 with another member. */
  readonly acted = new Map<number, Set<string>>(NODES.map((node) => [node, new Set()]));
  readonly #prng: Prng;
  #drawn = 0;

  constructor(prng: Prng) {
    this.#prng = prng;
    this.processes = NODES.map((node) => {
      const fresh = { isUp: true, answers: new Map(), decision: undefined, isLost: false };
      return { node, directory: this.#newDirectory(), ...fresh };
    });
  }

  /** @param wipeable the nodes whose directories may be wiped in this step; none: nobody crashes either. */
  step(wipeable: readonly number[]): void {
    const process = this.processes[this.#prng.below(3)]!;
    const other = this.processes[this.#prng.below(3)]!;
    const dice = this.#prng.below(20);
    if (dice === 0 && wipeable.includes(process.node)) this.#wipe(process);
    else if (dice <= 1 && wipeable.length > 0) this.#crash(process);
    else if (!process.isUp) process.isUp = true;
    else if (dice <= 3) this.#talk(process, other);
    else if (process.directory.state === "unformed") this.#form(process, other);
    else if (process.directory.state === "joining") this.#join(process);
  }

  #newDirectory(): Directory {
    this.#drawn++;
    const nonce = `nonce ${this.#drawn}`;
    return { nonce, state: "unformed", incarnation: 0, recorded: {} };
  }

  #wipe(process: Process): void {
    const tookPart = this.acted.get(process.node)!.has(process.directory.nonce);
    const isMember = tookPart || process.directory.incarnation > 0;
    if (isMember && this.processes.some(({ isLost }) => isLost)) return;
    process.isLost ||= isMember;
    process.directory = this.#newDirectory();
    this.#crash(process);
  }

  #crash(process: Process): void {
    process.isUp = false;
    process.answers = new Map();
    process.decision = undefined;
  }

  /** One question, one answer, or the decision, or writing it down: others act between any two. */
  #form(process: Process, other: Process): void {
    const { directory, node } = process;
    if (process.decision !== undefined) {
      this.#writeDown(process, process.decision);
      process.decision = undefined;
      process.answers = new Map();
    } else if (other.node !== node && !process.answers.has(other.node)) {
      if (other.isUp) process.answers.set(other.node, introductionOf(other));
    } else {
      const founder = { node, nonce: directory.nonce, clusterId: "aa", partitionCount: 8 };
      process.decision = decideFormation({ ...founder, listed: LIST }, process.answers);
    }
  }

  #writeDown({ directory }: Process, decision: FormationDecision): void {
    if (decision.kind === "form") {
      Object.assign(directory, { state: "formed", recorded: decision.recorded });
    } else if (decision.kind === "join") {
      const incarnation = 1 + this.#prng.below(2 ** 32 - 1);
      Object.assign(directory, { state: "joining", incarnation, recorded: decision.recorded });
    }
  }

  /** The others add it, once two of them are there to do so. */
  #join(process: Process): void {
    const members = this.processes.filter(
      (each) => each !== process && each.isUp && each.directory.state === "formed",
    );
    if (members.length < 2) return;
    process.directory.state = "formed";
    process.isLost = false;
  }

  /** A vote, an acknowledgement: anything that the other relies on. */
  #talk(process: Process, other: Process): void {
    if (process === other || !process.isUp || !other.isUp) return;
    for (const { directory } of [process, other]) if (directory.state !== "formed") return;
    for (const { node, directory } of [process, other]) {
      if (directory.incarnation === 0) this.acted.get(node)!.add(directory.nonce);
    }
  }
}

function introductionOf({ node, directory }: Process): Introduction {
  const { nonce, state, incarnation, recorded } = directory;
  return {
    ...{ protocolVersion: 1, version: "", clusterId: "aa", partitionCount: 8, node },
    ...{ nonce, state, incarnation, recorded },
    ...{ hasLeader: false, listed: LIST, members: [], membersAsOf: 0 },
  };
}

test("no node acts under incarnation 0 with two directories, whatever is wiped when", () => {
  let formedAfterWipe = 0;
  for (let seed = 1n; seed <= 1_500n; seed++) {
    const world = new World(createPrng(seed));
    for (let i = 0; i < 300; i++) {
      world.step(NODES);
      for (const [node, nonces] of world.acted) {
        if (nonces.size > 1) expect.fail(`seed ${seed}: node ${node} acted with ${[...nonces]}`);
      }
    }
    const { processes } = world;
    if (processes.some(({ directory }) => directory.incarnation > 0)) formedAfterWipe++;
  }
  // Else the schedule that this is about has hardly been played.
  expect(formedAfterWipe).toBeGreaterThan(250);
});

test("a cluster forms and takes in the node that was wiped, whenever that was", () => {
  for (let seed = 1n; seed <= 1_000n; seed++) {
    const world = new World(createPrng(seed));
    const wiped = 1 + Number(seed % 3n);
    for (let i = 0; i < 200; i++) world.step([wiped]);
    for (let i = 0; i < 1_000; i++) world.step([]);

    const states = world.processes.map(({ directory }) => directory.state);
    if (states.some((state) => state !== "formed")) expect.fail(`seed ${seed}: ${states}`);
  }
});
