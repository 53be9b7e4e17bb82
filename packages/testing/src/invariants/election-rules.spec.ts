// SPDX-License-Identifier: Apache-2.0
/** Each rule about elections, on a run that breaks it and on one beside it that does not. */

import { type Change, createPartition } from "@conclave/fsm";
import { expect, test } from "vitest";
import { workNeverOverlaps } from "./c1-work-never-overlaps.ts";
import { oneBeliever } from "./c3-one-believer.ts";
import { namesOnce } from "./e02-names-once.ts";
import { terms } from "./e03-terms.ts";
import { revisions } from "./e05-revisions.ts";
import { candidatesLive } from "./e07-candidates-live.ts";
import { atMostOnce } from "./e09-at-most-once.ts";
import { membersOnce } from "./e18-members-once.ts";
import { CLIENT_RULES, RULES, RULES_OF_ANY_TIME } from "./rules.ts";
import {
  anoints,
  believes,
  enters,
  entry,
  expires,
  life,
  opens,
  running,
  type Scene,
  takes,
  verdictOf,
  view,
  withdraws,
} from "./spec/seen.ts";
import { type Chapter, type Past, Story, type StoryRule, type Turn } from "./story.ts";
import { validPartitions } from "./valid-partitions.ts";

const KEY = { kind: "election", namespace: "default", name: "e" } as const;
const A = { name: "a", sessionId: 1n, metadata: new Map() };
const B = { name: "b", sessionId: 2n, metadata: new Map() };

/** Sessions 1 and 2 with candidates a and b: a leads in term 1. */
const BOTH = [entry(1, opens(1n), opens(2n)), entry(2, enters("a", 1n)), entry(3, enters("b", 2n))];

function change(changes: Partial<Change>): Change {
  return {
    ...{ revision: 1n, previousRevision: 0n, key: KEY, term: 1n, termBefore: 0n, timeMs: 0 },
    ...{ cause: "entered", reason: "", joined: [], left: [], moved: [], updated: [] },
    ...changes,
  };
}

function turn(changes: Partial<Change>, after: Partial<Past> = {}): Turn {
  const made = change(changes);
  const { revision, term, cause } = made;
  const before = { revision: made.previousRevision, term: 0n, candidates: [], cause } as const;
  return {
    ...{ election: "e", change: made, before },
    after: { revision, term, cause, candidates: made.leader ? [made.leader.name] : [], ...after },
  };
}

/** What a rule says to chapters that the state machine would never write. */
function told(rule: StoryRule, ...chapters: readonly Partial<Chapter>[]): string | undefined {
  const check = rule.begin(new Story());
  const applied = {
    ...{
      replies: [],
      changes: [],
      sessionsOpened: [],
      sessionsEnded: [],
      primitivesClosed: [],
      streamMessages: [],
    },
    membersChanged: false,
  };
  for (const chapter of chapters) {
    const whole = { partition: 1, commands: [], turns: [], ...chapter };
    const found = check.chapter?.({ ...whole, applied: { ...applied, ...chapter.applied } }, 0);
    if (found !== undefined) return found.rule;
  }
  return undefined;
}

test("a partition that keeps to the rules breaks none of them", () => {
  const run = [
    ...BOTH,
    entry(4, anoints("b")),
    entry(5, withdraws("b", 2n, 2)),
    entry(6, expires(1n)),
    entry(7, opens(3n), enters("a", 3n)),
  ];
  for (const rule of [namesOnce, terms, revisions, candidatesLive, atMostOnce]) {
    expect(verdictOf(rule, run), rule.id).toBeUndefined();
  }
});

test("the story is told once, whoever applies it again, and lists follow from the changes", () => {
  const story = new Story();
  const chapters = [...BOTH, ...BOTH, entry(4, anoints("b"))].flatMap((o) => story.observe(o));

  expect(chapters).toHaveLength(4);
  expect(story.pastsOf("e").map(({ term, candidates }) => [term, candidates])).toEqual([
    [1n, ["a"]],
    [1n, ["a", "b"]],
    [2n, ["b", "a"]],
  ]);
});

test("E1: a state that breaks a rule of its own is found, and a sound one is not", () => {
  const sound = createPartition();
  expect(verdictOf(validPartitions, [running({ life: life(1), state: sound })])).toBeUndefined();
  const twice = createPartition({ limits: { sessionsMax: 0 } });
  twice.endedSessions.add(1n);
  twice.sessions.set(1n, { id: 1n } as never);
  const found = verdictOf(validPartitions, [running({ life: life(1), state: twice })]);
  expect(found?.rule).toBe("E8");
});

test("E2: a name stands twice in a list", () => {
  expect(told(namesOnce, { turns: [turn({}, { candidates: ["a", "b", "a"] })] })).toBe("E2");
  expect(told(namesOnce, { turns: [turn({}, { candidates: ["a", "b"] })] })).toBeUndefined();
});

test("E3: a term that does not rise with a new leader, rises without one, or is issued again", () => {
  const elected = turn({ leader: A, term: 1n });
  const vacant = turn({ term: 1n, revision: 2n, cause: "deleted" });
  expect(told(terms, { turns: [elected, vacant, turn({ leader: A, term: 2n })] })).toBeUndefined();
  expect(told(terms, { turns: [elected, turn({ leader: B, term: 1n })] })).toBe("E3");
  expect(told(terms, { turns: [elected, turn({ leader: A, term: 2n })] })).toBe("E3");
  expect(told(terms, { turns: [elected, vacant, turn({ leader: A, term: 1n })] })).toBe("E3");
  const rebound = { ...A, sessionId: 9n };
  expect(told(terms, { turns: [elected, turn({ leader: rebound, term: 1n })] })).toBe("E3");
});

test("E4: a leader that is not the first of the list", () => {
  const second = turn({ leader: A, term: 1n }, { candidates: ["b", "a"] });
  expect(told(terms, { turns: [second] })).toBe("E4");
});

test("E5: a revision that is left out, given twice, or does not name the one before", () => {
  const first = turn({ revision: 1n });
  const next = (revision: bigint, previousRevision: bigint): Turn => {
    const made = turn({ revision, previousRevision });
    return { ...made, before: { ...made.before, revision: 1n, candidates: ["a"] } };
  };
  expect(told(revisions, { turns: [first, next(2n, 1n)] })).toBeUndefined();
  expect(told(revisions, { turns: [first, next(3n, 1n)] })).toBe("E5");
  expect(told(revisions, { turns: [first, next(1n, 1n)] })).toBe("E5");
  expect(told(revisions, { turns: [first, next(2n, 0n)] })).toBe("E5");
});

test("E7: somebody leads whose session ends in the same entry, for an instant only", () => {
  const sessionsEnded = [1n, 2n].map((sessionId) => ({ sessionId, cause: "expired" as const }));
  const applied = { sessionsEnded } as unknown as Chapter["applied"];
  const instant = turn({ leader: B, term: 2n, cause: "expired" });
  expect(told(candidatesLive, { applied, turns: [instant] })).toBe("E7");
  expect(told(candidatesLive, { applied, turns: [turn({ cause: "expired" })] })).toBeUndefined();
});

test("E8: a session that has ended is opened again, on the partition that it ended on", () => {
  const ends = { sessionsEnded: [{ sessionId: 1n, cause: "closed" }] };
  const begins = { sessionsOpened: [{ sessionId: 1n, ttlMs: 1, graceMs: 0 }] };
  const [over, again] = [ends, begins] as unknown as readonly Chapter["applied"][];
  expect(told(candidatesLive, { applied: over! }, { applied: again! })).toBe("E8");
  expect(
    told(candidatesLive, { applied: over! }, { partition: 2, applied: again! }),
  ).toBeUndefined();
});

test("E9: a number, or a request id, that is executed twice", () => {
  const done = { revision: 1n, term: 1n, leading: true, changed: true, replayed: false };
  const applied = (changes = {}): Chapter["applied"] =>
    ({ replies: [{ kind: "done", ...done, ...changes }] }) as unknown as Chapter["applied"];
  const request = { ...anoints("a"), options: { reason: "", requestId: "r" } } as ReturnType<
    typeof anoints
  >;
  for (const command of [enters("a", 1n), request]) {
    const commands = [command];
    const first = { commands, applied: applied() };
    expect(told(atMostOnce, first, first)).toBe("E9");
    expect(
      told(atMostOnce, first, { commands, applied: applied({ replayed: true }) }),
    ).toBeUndefined();
  }
});

test("E18: a member that is listed twice, and a list that is empty again", () => {
  const member = (node: number, address = `node-${node}:1`): never =>
    ({ node, address, incarnation: 0 }) as never;
  const lists = (...members: readonly never[]): Scene => running({ life: life(1), members });
  const listed = lists(member(1), member(2));
  expect(verdictOf(membersOnce, [lists(), listed])).toBeUndefined();
  expect(verdictOf(membersOnce, [lists(member(1), member(1, "x:1"))])?.rule).toBe("E18");
  expect(verdictOf(membersOnce, [lists(member(1, "x:1"), member(2, "x:1"))])?.rule).toBe("E18");
  expect(verdictOf(membersOnce, [listed, lists()])?.rule).toBe("E18");
  const many = Array.from({ length: 65 }, (_, i) => member(i + 1));
  expect(verdictOf(membersOnce, [lists(...many)])?.rule).toBe("E18");
});

test("C1: work begins before the work before it is over, in one client", () => {
  const [first, second] = [takes("p", "a", 1n), takes("p", "a", 2n)];
  const over = takes("p", "a", 1n, "lost");
  expect(verdictOf(workNeverOverlaps, [first, over, second])).toBeUndefined();
  expect(verdictOf(workNeverOverlaps, [first, takes("q", "b", 2n)])).toBeUndefined();
  expect(verdictOf(workNeverOverlaps, [first, second])?.rule).toBe("C1");
});

test("C3: two believe at once, and no operator has moved the office", () => {
  const both = view({ beliefs: [believes("p", 1n), believes("q", 2n)] });
  expect(verdictOf(oneBeliever, [...BOTH, entry(4, anoints("b")), both])).toBeUndefined();
  expect(verdictOf(oneBeliever, [...BOTH, entry(4, expires(1n)), both])?.rule).toBe("C3");
  expect(verdictOf(oneBeliever, [...BOTH, entry(4, withdraws("a", 1n, 2)), both])?.rule).toBe("C3");
  const twins = view({ beliefs: [believes("p", 1n), believes("q", 1n)] });
  expect(verdictOf(oneBeliever, [...BOTH, twins])?.rule).toBe("C3");
});

test("each rule is listed once, and those beyond the promise of clocks are among all", () => {
  const ids = (rules: typeof RULES): string[] => rules.flatMap(({ id }) => id.split(","));
  expect(new Set(ids(RULES)).size).toBe(ids(RULES).length);
  for (const fewer of [RULES_OF_ANY_TIME, CLIENT_RULES]) {
    expect(ids(RULES)).toEqual(expect.arrayContaining(ids(fewer)));
  }
  for (const asked of ["O1", "O3"]) expect(ids(RULES_OF_ANY_TIME)).toContain(asked);
});
