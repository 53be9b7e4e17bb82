// SPDX-License-Identifier: Apache-2.0
/** What rules say of two clusters, the second of which began with a backup of the first (schedule M). */

import { apply, createPartition, decodeEntry, snapshot } from "@conclave/fsm";
import { expect, test } from "vitest";
import { judgeHistory } from "../history/linearizability.ts";
import type { Operation } from "../history/operation.ts";
import type { Observation } from "../world/observation.ts";
import { Departures } from "./departures.ts";
import { terms } from "./e03-terms.ts";
import { revisions } from "./e05-revisions.ts";
import { oneLeaderPerTerm } from "./o1-one-leader-per-term.ts";
import { watches } from "./o4-watches.ts";
import { oneLeaderPerRaftTerm } from "./r01-one-leader-per-raft-term.ts";
import { RULES } from "./rules.ts";
import { enters, entry, leads, life, opens, takes, verdictOf, watched } from "./spec/seen.ts";

/** a leads in term 1. */
const OLD = [entry(1, opens(1n)), entry(2, enters("a", 1n))];
const ANOTHER = restoredFrom(OLD);
/** b leads in the first term of the cluster that was restored. */
const NEW = [ANOTHER, entry(2, opens(3n)), entry(3, enters("b", 3n))];
const LEAD = 1n << 40n;
/** Revisions: of the restored election, and of the change with which b leads. */
const [VACANT, LED] = [LEAD + 2n, LEAD + 3n];
const TERM = LEAD + 2n;

function restoredFrom(entries: readonly ReturnType<typeof entry>[]): Observation {
  const state = createPartition();
  for (const {
    entries: [one],
  } of entries) {
    const decoded = decodeEntry(one!.bytes);
    if (decoded.kind === "entry") apply(state, decoded.entry);
  }
  return { kind: "another-cluster", saved: new Map([[1, [...snapshot(state)]]]) };
}

const resumed = (after: bigint): Observation => ({
  ...{ kind: "watch-resumed", client: "w", watch: 1, election: "e", after },
});

test("terms and revisions of the second go on above those of the first", () => {
  for (const rule of [terms, revisions, oneLeaderPerTerm]) {
    expect(verdictOf(rule, [...OLD, ...NEW])).toBeUndefined();
  }
});

test("O1: a term that the first cluster may have issued after the backup is not issued by the second", () => {
  const late = takes("p", "a", TERM);
  expect(verdictOf(oneLeaderPerTerm, [...OLD, takes("p", "a", 2n), ...NEW])).toBeUndefined();
  expect(verdictOf(oneLeaderPerTerm, [...OLD, late, ...NEW])?.rule).toBe("O1");
});

test("E5: one backup restored a second time begins below what the first time came to", () => {
  expect(verdictOf(revisions, [...OLD, ANOTHER, ANOTHER])).toBeUndefined();
  expect(verdictOf(revisions, [...OLD, ...NEW, ANOTHER])?.rule).toBe("E5");
});

test("O4: a watch that goes on in the second from where it was in the first says that it has missed something", () => {
  const told = watched(LED, TERM, ["b"]);
  const gap = watched(VACANT, 0n, [], true);
  expect(verdictOf(watches, [...OLD, ...NEW, resumed(VACANT), told])).toBeUndefined();
  expect(verdictOf(watches, [...OLD, ...NEW, resumed(1n), gap, told])).toBeUndefined();
  expect(verdictOf(watches, [...OLD, ...NEW, resumed(1n), told])?.rule).toBe("O4");
});

test("logs of two clusters are held to rules by themselves", () => {
  const [one, other] = [leads(life(1), 2), leads(life(2), 2)];
  const all = RULES.filter(({ id }) => id === "R1");
  expect(all).toHaveLength(1);
  expect(verdictOf(oneLeaderPerRaftTerm, [one, other])?.rule).toBe("R1");
  const check = all[0]!.begin();
  expect([one, ANOTHER, other].map((seen) => check.observe?.(seen, 0))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(check.observe?.(leads(life(3), 2), 0)?.rule).toBe("R1");
});

test("O6: a history of the second begins with what was restored", () => {
  const departures = new Departures();
  for (const seen of [...OLD, ...NEW]) departures.observe(seen, 5n);
  const [first, second] = departures.clusters;
  const operations = (term: bigint): readonly Operation[] => [
    {
      ...{ client: "q", election: "e", startNs: 1n, endNs: 2n },
      call: { kind: "campaign", candidate: "b" },
      result: { kind: "led", term, revision: undefined },
    },
  ];
  const verdict = (history: typeof first, term: bigint): string =>
    judgeHistory({ ...history!, operations: operations(term) }).kind;
  expect(departures.clusters).toHaveLength(2);
  expect(verdict(second, TERM)).toBe("linearizable");
  expect(verdict(second, 2n)).toBe("not-linearizable");
  expect(verdict(first, 1n)).toBe("linearizable");
  expect(verdict(first, TERM)).toBe("not-linearizable");
});
