// SPDX-License-Identifier: Apache-2.0
import { create } from "@bufbuild/protobuf";
import {
  type AttachCommand,
  AttachCommandSchema,
  type AttachReply,
  AttachReplySchema,
  type AttachResponse,
  AttachResponseSchema,
  CandidacyState,
} from "@conclave/api";
import { expect, test } from "vitest";
import { ToldCandidacies } from "./web-link-told.ts";

const { LEADING, WAITING, GONE } = CandidacyState;
const election = { name: "orders", namespace: "default" };

/** A frame that tells of candidacies of partition 1, and that the list up to a revision is complete. */
function frame(
  candidacies: readonly (readonly [candidate: string, state: CandidacyState, revision: bigint])[],
  toldUpTo?: bigint,
): AttachResponse {
  return create(AttachResponseSchema, {
    candidacies: candidacies.map(([candidate, state, revision]) => {
      return { election, candidate, state, revision, partition: 1 };
    }),
    candidaciesTold: toldUpTo === undefined ? [] : [{ partition: 1, revision: toldUpTo }],
  });
}

function enter(candidate: string): AttachCommand {
  return create(AttachCommandSchema, {
    command: { case: "enter", value: { election, candidate } },
  });
}

function entered(revision: bigint): AttachReply {
  const value = { result: { partition: 1, revision } };
  return create(AttachReplySchema, { reply: { case: "enter", value } });
}

test("what a later stream does not begin with has gone unheard, at the revision last told", () => {
  const told = new ToldCandidacies();
  told.begin();
  told.take(frame([["a", LEADING, 3n]], 3n));
  told.take(frame([["b", WAITING, 5n]]));
  told.begin();

  const gone = told.take(frame([["b", WAITING, 5n]], 9n));

  expect(gone).toMatchObject([{ candidate: "a", state: GONE, revision: 3n, election }]);
  expect(told.progress).toMatchObject([{ partition: 1, revision: 9n }]);
});

test("the list of a replica that lags says nothing of what came later, and the next one does", () => {
  const told = new ToldCandidacies();
  told.begin();
  told.take(frame([["a", LEADING, 7n]], 7n));
  told.begin();
  expect(told.take(frame([], 6n))).toEqual([]);
  expect(told.progress).toMatchObject([{ revision: 7n }]);
  told.begin();

  expect(told.take(frame([], 8n))).toMatchObject([{ candidate: "a", state: GONE }]);
});

test("what was told to be gone is not told again", () => {
  const told = new ToldCandidacies();
  told.begin();
  told.take(frame([["a", LEADING, 3n]], 3n));
  told.take(frame([["a", GONE, 4n]]));
  told.begin();

  expect(told.take(frame([], 9n))).toEqual([]);
});

test("one that has entered, and is on no list, is missed as one that was pushed would be", () => {
  const told = new ToldCandidacies();
  told.begin();
  expect(told.answered(enter("a"), entered(4n))).toEqual([]);
  told.begin();

  expect(told.take(frame([], 9n))).toMatchObject([{ candidate: "a", state: GONE, revision: 4n }]);
});

test("an answer that comes after the list of a stream which began later is followed by its end", () => {
  const told = new ToldCandidacies();
  told.begin();
  told.take(frame([["b", WAITING, 2n]], 9n));

  expect(told.answered(enter("a"), entered(4n))).toMatchObject([{ candidate: "a", state: GONE }]);
  expect(told.answered(enter("b"), entered(2n))).toEqual([]);
  expect(told.answered(enter("c"), entered(9n))).toEqual([]);
});

test("what has withdrawn is missed by nobody", () => {
  const told = new ToldCandidacies();
  told.begin();
  told.take(frame([["a", LEADING, 3n]], 3n));
  const withdraw = create(AttachCommandSchema, {
    command: { case: "withdraw", value: { election, candidate: "a" } },
  });
  told.answered(withdraw, create(AttachReplySchema, { reply: { case: "withdraw", value: {} } }));
  told.begin();

  expect(told.take(frame([], 9n))).toEqual([]);
});
