// SPDX-License-Identifier: Apache-2.0
/** The arithmetic of quorums against twins that count out what the words say. */

import { createPrng, type Prng } from "@conclave/base";
import { expect, test } from "vitest";
import type { ReplicaId } from "../ids.ts";
import { jointIndex, jointVote, type Voters } from "./joint.ts";
import { majorityIndex, majorityVote } from "./majority.ts";

const CASES = 50_000;

test("the committed index is the highest that more than half have reached, in both sets", () => {
  const prng = createPrng(11n);
  for (let round = 0; round < CASES; round++) {
    const voters = randomVoters(prng);
    const match = new Map(range(8).map((node) => [node, prng.below(12)]));

    const index = jointIndex(voters, (node) => match.get(node)!);

    const isReached = (candidate: number): boolean =>
      [voters.voters, voters.outgoing].every((set) => {
        const have = set.filter((node) => match.get(node)! >= candidate).length;
        return set.length === 0 || have > set.length / 2;
      });
    const slow = Math.max(...range(12).filter(isReached), 0);
    if (index !== slow) expect({ round, voters, match, index }).toEqual({ slow });
  }
});

test("a vote is won or lost exactly when no outstanding answer could change it", () => {
  const prng = createPrng(12n);
  for (let round = 0; round < CASES; round++) {
    const voters = randomVoters(prng, 3);
    const votes = new Map(range(8).map((node) => [node, [true, false, undefined][prng.below(3)]]));

    const result = jointVote(voters, (node) => votes.get(node));

    const futures = completions(votes);
    const wins = futures.filter((future) => isWon(voters, future)).length;
    const slow = wins === futures.length ? "won" : wins === 0 ? "lost" : "pending";
    if (result !== slow) expect({ round, voters, votes, result }).toEqual({ slow });
  }
});

test("one voter is a majority of itself", () => {
  expect(majorityVote([1], () => true)).toBe("won");
  expect(majorityIndex([1], () => 7)).toBe(7);
});

test("half of an even number is not a majority", () => {
  expect(majorityVote([1, 2, 3, 4], (node) => node <= 2)).toBe("lost");
  expect(majorityIndex([1, 2, 3, 4], (node) => (node <= 2 ? 9 : 3))).toBe(3);
});

function randomVoters(prng: Prng, sizeMax = 7): Voters {
  const pick = (size: number): ReplicaId[] => {
    const nodes = range(8);
    return Array.from({ length: size }, () => nodes.splice(prng.below(nodes.length), 1)[0]!);
  };
  const outgoing = prng.chance(1, 2) ? [] : pick(1 + prng.below(sizeMax));
  return { voters: pick(1 + prng.below(sizeMax)), outgoing };
}

function isWon(voters: Voters, votes: ReadonlyMap<ReplicaId, boolean>): boolean {
  return [voters.voters, voters.outgoing].every((set) => {
    return set.length === 0 || set.filter((node) => votes.get(node)).length > set.length / 2;
  });
}

/** All ways in which the open answers can still come in: uniform answers suffice, votes being monotonic. */
function completions(
  votes: ReadonlyMap<ReplicaId, boolean | undefined>,
): readonly ReadonlyMap<ReplicaId, boolean>[] {
  return [true, false].map(
    (answer) => new Map([...votes].map(([node, vote]) => [node, vote ?? answer])),
  );
}

const range = (size: number): number[] => Array.from({ length: size }, (_, i) => i + 1);
