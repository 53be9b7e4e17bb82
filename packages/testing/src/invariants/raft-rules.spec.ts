// SPDX-License-Identifier: Apache-2.0
/** Each rule about logs and their groups, on a run that breaks it and on one beside it that does not. */

import { replicaIdOf } from "@conclave/raft";
import { expect, test } from "vitest";
import { asserted } from "./asserted.ts";
import { acknowledgedSurvives } from "./o5-acknowledged-survives.ts";
import { oneLeaderPerRaftTerm } from "./r01-one-leader-per-raft-term.ts";
import { leaderAppendsOnly } from "./r02-leader-appends-only.ts";
import { leaderHasWhatWasCommitted } from "./r04-leader-has-what-was-committed.ts";
import { appliedInOrder } from "./r05-applied-in-order.ts";
import { indicesInOrder } from "./r06-indices-in-order.ts";
import { logsAgree } from "./r11-logs-agree.ts";
import { durableStays } from "./r12-durable-stays.ts";
import { appliedIsDurable } from "./r13-applied-is-durable.ts";
import { majorities } from "./r15-majorities.ts";
import { snapshotsFit } from "./r17-snapshots-fit.ts";
import type { Rule } from "./rule.ts";
import { oneProcess } from "./s10-one-process.ts";
import {
  acknowledged,
  committed,
  ended,
  type HandMadeServer,
  leads,
  life,
  restored,
  running,
  type Scene,
  started,
  verdictOf,
  votes,
} from "./spec/seen.ts";

const LEADER = { kind: "leader", raftTerm: 1 } as const;
const MEMBER_2 = replicaIdOf(2, 0);

const holds = (rule: Rule, ...scenes: readonly Scene[]): void =>
  expect(verdictOf(rule, scenes)).toBeUndefined();

/** @param id of the rule that is broken. */
const breaks = (rule: Rule, id: string, ...scenes: readonly Scene[]): void =>
  expect(verdictOf(rule, scenes)?.rule).toBe(id);

test("an assertion that failed breaks the rule that it names, and anything else thrown breaks one too", () => {
  const thrown = (message: string): Scene => ({ kind: "broken", where: "node 1", message });
  breaks(asserted, "S6", thrown("S6: no sync is tried again on its file"));
  breaks(asserted, "?", thrown("Cannot read properties of undefined"));
  holds(asserted, { kind: "fault", fault: "S6: not a failure" });
});

test("R1: two processes do not lead in one raftTerm, one after the other or at once", () => {
  holds(oneLeaderPerRaftTerm, leads(life(1), 1), leads(life(2), 2), leads(life(1), 3));
  breaks(oneLeaderPerRaftTerm, "R1", leads(life(1), 1), leads(life(2), 1));
  breaks(oneLeaderPerRaftTerm, "R1", leads(life(1), 1), leads(life(1, 2), 1));
});

test("R1: a member votes once in a raftTerm, and may say so again, in a later life too", () => {
  holds(oneLeaderPerRaftTerm, votes(life(1), 2, 3), votes(life(1, 2), 2, 3), votes(life(1), 3, 2));
  breaks(oneLeaderPerRaftTerm, "R1", votes(life(1), 2, 3), votes(life(1, 2), 2, 2));
  holds(oneLeaderPerRaftTerm, votes(life(1), 2, 3), votes(life(1), 1, 2));
  holds(oneLeaderPerRaftTerm, votes(life(1), 2, 3), votes(life(1, 2, 7), 2, 2));
});

test("R1: what a member has told of its vote, its next life knows", () => {
  const comesBack = (status: HandMadeServer["status"] = {}): Scene =>
    running({ life: life(1, 2), status });
  const voted = votes(life(1), 2, 3);
  holds(oneLeaderPerRaftTerm, voted, comesBack({ raftTerm: 2, votedFor: replicaIdOf(3, 0) }));
  holds(oneLeaderPerRaftTerm, voted, comesBack({ raftTerm: 3 }));
  breaks(oneLeaderPerRaftTerm, "R1", voted, comesBack({ raftTerm: 2 }));
  breaks(oneLeaderPerRaftTerm, "R1", voted, comesBack({ raftTerm: 1 }));
});

test("R1: a directory does not lead in an earlier raftTerm than before", () => {
  holds(oneLeaderPerRaftTerm, leads(life(1), 5), leads(life(1, 2, 7), 4));
  breaks(oneLeaderPerRaftTerm, "R1", leads(life(1), 5), leads(life(1, 2), 4));
});

test("R2: a leader takes nothing away; who leads anew may have a shorter log", () => {
  const with5 = { role: LEADER, lastIndex: 5 };
  const later = { role: { ...LEADER, raftTerm: 3 }, raftTerm: 3, lastIndex: 4 };
  holds(
    leaderAppendsOnly,
    running({ life: life(1), status: with5 }),
    running({ life: life(1), status: { lastIndex: 3 } }),
    running({ life: life(1), status: later }),
  );
  breaks(
    leaderAppendsOnly,
    "R2",
    running({ life: life(1), status: with5 }),
    running({ life: life(1), status: { ...with5, lastIndex: 4 } }),
  );
});

test("R4: a leader has committed what was committed in earlier raftTerms", () => {
  const before = committed(life(1), [1, 1], [2, 1], [4, 2]);
  holds(leaderHasWhatWasCommitted, before, leads(life(2), 3, { commitIndex: 5 }));
  holds(leaderHasWhatWasCommitted, before, leads(life(2), 2, { commitIndex: 3 }));
  breaks(leaderHasWhatWasCommitted, "R4", before, leads(life(2), 3, { commitIndex: 3 }));
});

test("R5: entries are applied in order and once, and after the snapshot that came first", () => {
  holds(appliedInOrder, restored(life(1), 4, 1), committed(life(1), [5, 1], [7, 2]));
  holds(appliedInOrder, committed(life(1), [5, 1]), committed(life(1, 2), [5, 1]));
  breaks(appliedInOrder, "R5", committed(life(1), [5, 1]), committed(life(1), [5, 1]));
  breaks(appliedInOrder, "R5", restored(life(1), 4, 1), committed(life(1), [4, 1]));
  breaks(appliedInOrder, "R5", committed(life(1), [5, 1]), restored(life(1), 3, 1));
});

test("R6: nothing is applied that is not committed, or committed that is not there, and nothing falls", () => {
  const ok = { appliedIndex: 2, commitIndex: 3, lastIndex: 4 };
  holds(indicesInOrder, running({ life: life(1), status: ok }));
  holds(
    indicesInOrder,
    running({ life: life(1), status: ok }),
    running({ life: life(1, 2), status: { ...ok, appliedIndex: 0, commitIndex: 0 } }),
  );
  for (const wrong of [{ appliedIndex: 4 }, { commitIndex: 5 }]) {
    breaks(indicesInOrder, "R6", running({ life: life(1), status: { ...ok, ...wrong } }));
  }
  for (const fallen of [{ appliedIndex: 1 }, { commitIndex: 2 }]) {
    const now = running({ life: life(1), status: { ...ok, ...fallen } });
    breaks(indicesInOrder, "R6", running({ life: life(1), status: ok }), now);
  }
});

test("R11: one entry at one index, in every process and for ever", () => {
  const first = committed(life(1), [1, 1, "a"], [2, 1, "b"]);
  holds(logsAgree, first, committed(life(2), [1, 1, "a"]), committed(life(2), [2, 1, "b"]));
  holds(logsAgree, first, restored(life(2), 2, 1), committed(life(2), [3, 1, "c"]));
  breaks(logsAgree, "R11", first, committed(life(2), [1, 1, "a"], [2, 1, "x"]));
  breaks(logsAgree, "R11", first, committed(life(2), [1, 1, "a"], [2, 2, "b"]));
});

test("R11: what is Raft's own in one process is nobody's proposal in another", () => {
  const first = committed(life(1), [1, 1, "a"], [2, 1, "b"], [3, 1, "c"]);
  breaks(logsAgree, "R11", first, committed(life(2), [1, 1, "a"], [3, 1, "c"]));
  const without2 = committed(life(1), [1, 1, "a"], [3, 1, "c"]);
  breaks(logsAgree, "R11", without2, committed(life(2), [1, 1, "a"], [2, 1, "b"]));
});

test("R3: raftTerms do not fall along a log", () => {
  holds(logsAgree, committed(life(1), [1, 2], [2, 2], [3, 4]));
  breaks(logsAgree, "R3", committed(life(1), [1, 2], [2, 1]));
});

test("R12, R16: a leader is right about what the members of its raftTerm hold", () => {
  const peer = { replica: MEMBER_2, isActive: true, isLearner: false, state: "replicate" } as const;
  const leader = (matchIndex: number): HandMadeServer => ({
    life: life(1),
    status: { role: LEADER, lastIndex: 9, peers: [{ ...peer, matchIndex }] },
  });
  holds(durableStays, running(leader(7), { life: life(2), status: { lastIndex: 7 } }));
  holds(durableStays, running(leader(7), { life: life(2, 2, 5), status: { lastIndex: 0 } }));
  const later = { raftTerm: 2, lastIndex: 6 };
  holds(durableStays, running(leader(7), { life: life(2), status: later }));
  breaks(durableStays, "R12", running(leader(7), { life: life(2), status: { lastIndex: 6 } }));
  breaks(durableStays, "R16", running(leader(10)));
});

test("R13, S2: the next process of a directory finds what the one before applied or acknowledged", () => {
  const applied = committed(life(1), [3, 1]);
  const next = (lastIndex: number, incarnation = 0): Scene =>
    running({ life: life(1, 2, incarnation), status: { lastIndex } });
  holds(appliedIsDurable, applied, ended(life(1)), next(3));
  holds(appliedIsDurable, applied, ended(life(1)), next(0, 77));
  breaks(appliedIsDurable, "R13", applied, ended(life(1)), next(2));
  breaks(appliedIsDurable, "S2", applied, acknowledged(life(1), 3), ended(life(1)), next(2));
});

test("R15: a leader commits by a majority of the voters that there are, old and new", () => {
  const [one, two, three, four] = [1, 2, 3, 4].map((node) => replicaIdOf(node, 0));
  const leader = (
    commitIndex: number,
    holds2: number,
    outgoing: readonly number[] = [],
    durableIndex = 9,
  ): HandMadeServer => ({
    life: life(1),
    status: {
      ...{ role: LEADER, commitIndex, lastIndex: 9, durableIndex },
      configuration: { voters: [one!, two!, three!], outgoing, learners: [four!] },
      peers: [two, three, four].map((replica) => ({
        ...{ replica: replica!, isActive: true, state: "replicate" as const },
        isLearner: replica === four,
        matchIndex: replica === four ? 9 : replica === two ? holds2 : 0,
      })),
    },
  });
  holds(majorities, running(leader(4, 0)), running(leader(6, 6)));
  holds(majorities, running(leader(4, 0)));
  holds(majorities, running(leader(4, 0)), running(leader(6, 5, [one!])));
  breaks(majorities, "R15", running(leader(4, 4)), running(leader(6, 5)));
  breaks(majorities, "R15", running(leader(4, 0)), running(leader(6, 6, [], 5)));
  const joint = [two!, three!];
  breaks(majorities, "R15", running(leader(4, 4, joint)), running(leader(6, 6, joint)));
});

test("R17: a snapshot is of a log that was committed", () => {
  const log = committed(life(1), [1, 1], [2, 2]);
  holds(snapshotsFit, log, restored(life(2), 2, 2));
  holds(snapshotsFit, log, restored(life(2), 3, 5));
  breaks(snapshotsFit, "R17", log, restored(life(2), 2, 1));
});

test("S10: no second process begins before the first has ended", () => {
  holds(oneProcess, started(life(1)), ended(life(1)), started(life(1, 2)), started(life(2)));
  breaks(oneProcess, "S10", started(life(1)), started(life(1, 2)));
});

test("O5: whoever leads has what was acknowledged, and in the end it is committed", () => {
  const given = acknowledged(life(1), 6);
  const end = (commitIndex: number): Scene =>
    running({ life: life(1), status: { commitIndex } }, { life: life(2) });
  holds(acknowledgedSurvives, given, leads(life(2), 2, { lastIndex: 6 }), end(6));
  breaks(acknowledgedSurvives, "O5", given, leads(life(2), 2, { lastIndex: 5 }));
  breaks(acknowledgedSurvives, "O5", given, end(5));
  // It was elected in raftTerm 2 and slept through the next one.
  const later = [leads(life(1), 3, { lastIndex: 9 }), acknowledged(life(1), 9)];
  holds(acknowledgedSurvives, given, ...later, leads(life(2), 2, { lastIndex: 6 }), end(9));
  breaks(acknowledgedSurvives, "O5", given, ...later, leads(life(2), 4, { lastIndex: 8 }));
});
