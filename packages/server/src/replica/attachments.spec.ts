// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { Attachments } from "./attachments.ts";
import type { RoundMember } from "./confirm-rounds.ts";

const S = 42n;

/** A replica that gets level with its leader when the spec says so. */
function createReplica() {
  const joined: RoundMember[] = [];
  const attachments = new Attachments({
    partition: 1,
    rounds: { join: (member) => void joined.push(member) },
    openSession: () => ({
      ...{ sessionId: S, ttlMs: 1_000, graceMs: 0, labels: new Map(), officeRevision: 0n },
      principal: "",
      candidacies: [],
    }),
    revision: () => 7n,
  });
  const told: bigint[] = [];
  const attach = (): (() => void) =>
    attachments.attach(S, {
      candidacy: () => {},
      candidaciesTold: (_, revision) => told.push(revision),
    });
  return { attachments, joined, told, attach };
}

const PASSED = { kind: "passed", raftTerm: 1, index: 3 } as const;

test("a session is told nothing before its replica has been level with a leader", () => {
  const { attachments, joined, told, attach } = createReplica();
  attach();
  attachments.catchUp();
  expect([told, attachments.isCaughtUp]).toEqual([[], false]);

  joined[0]?.settle(PASSED);

  expect([told, attachments.isCaughtUp]).toEqual([[7n], true]);
  attach();
  expect(told).toEqual([7n, 7n]);
});

test("a session that has gone before is told nothing any more", () => {
  const { attachments, joined, told, attach } = createReplica();
  const detach = attach();
  attachments.catchUp();

  detach();
  joined[0]?.settle(PASSED);

  expect(told).toEqual([]);
});

test("a round that failed is made again, one at a time, until one has passed", () => {
  const { attachments, joined } = createReplica();
  attachments.catchUp();
  attachments.catchUp();
  expect(joined).toHaveLength(1);

  joined[0]?.settle({ kind: "failed", reason: "overloaded" });
  attachments.catchUp();
  joined[1]?.settle(PASSED);
  attachments.catchUp();

  expect(joined).toHaveLength(2);
});
