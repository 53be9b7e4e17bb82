// SPDX-License-Identifier: Apache-2.0
/** What an election was, from what it is: against random differences, and against the state itself. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Change, Placed } from "./change.ts";
import type { Command, Metadata } from "./command.ts";
import { createHistory, recordChanges, resume } from "./history.ts";
import { keyText, type PrimitiveKey } from "./key.ts";
import { checkFence, viewOf } from "./read.ts";
import {
  call,
  createDriver,
  type Driver,
  enter,
  expire,
  fresh,
  KEY,
  key,
  NO_METADATA,
  open,
  remove,
  steer,
  withdraw,
} from "./spec/driver.ts";
import { randomRuns } from "./spec/random-runs.ts";
import { undoChanges } from "./undo-changes.ts";
import type { CandidateView, ElectionView, PastView } from "./view.ts";

test("any change of any list, taken back, gives the list before", () => {
  const lists = fc.shuffledSubarray([..."abcdefgh"]);
  const edits = fc.record({ after: lists, metadata: fc.array(fc.constantFrom("", "1", "2")) });
  fc.assert(
    fc.property(lists, fc.array(edits, { minLength: 1, maxLength: 5 }), (start, run) => {
      let now = viewFrom(
        start.map((name) => candidate(name, "")),
        0n,
      );
      const before = now;
      const changes: Change[] = [];
      for (const { after, metadata } of run) {
        const list = rearranged(listOf(now), after, metadata);
        const following = viewFrom(list, now.revision + 1n);
        changes.push(differenceOf(now, following));
        now = following;
      }

      for (const [i, { previousRevision }] of changes.entries()) {
        const later = changes.slice(i);
        expect(undoChanges(now, later, previousRevision)).toEqual(
          i === 0 ? past(before, 0n) : expect.objectContaining({ revision: previousRevision }),
        );
      }
    }),
    randomRuns(300),
  );
});

const keys = fc.constantFrom(KEY, key("f"), key("e", "latch"));
const names = fc.constantFrom(..."abcde");
const sessionIds = fc.integer({ min: 1, max: 6 }).map(BigInt);
const metadata = fc.constantFrom<Metadata>(NO_METADATA, new Map([["k", "v"]]));
const verbs = fc.constantFrom("anoint", "promote", "demote", "evict" as const);

/** Each gives its command when it is run, so that its number is fresh. */
const steps: fc.Arbitrary<(mayTakeOver: boolean) => Command> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .tuple(keys, names, sessionIds, metadata, fc.boolean())
      .map(([of, name, id, meta, wanted]) => (mayTakeOver: boolean) => {
        const takeover = wanted && mayTakeOver;
        return enter(name, id, { key: of, metadata: meta, takeover });
      }),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(verbs, names, keys).map(
      ([v, n, k]) =>
        () =>
          steer(v, n, { key: k }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(names, sessionIds, keys).map((args) => () => withdraw(...args)),
  },
  {
    weight: 3,
    arbitrary: fc.record({ key: keys, candidate: names, metadata, id: sessionIds }).map(
      ({ id, ...rest }) =>
        () =>
          ({ kind: "update-metadata", id: fresh(id), ...rest }) as const,
    ),
  },
  { weight: 1, arbitrary: fc.tuple(sessionIds, sessionIds).map((ids) => () => expire(...ids)) },
  { weight: 2, arbitrary: sessionIds.map((id) => () => open(id + 6n)) },
  { weight: 1, arbitrary: keys.map((of) => () => remove(of)) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.bigInt(0n, 9n), fc.shuffledSubarray([..."abcde"]), sessionIds).map(
      ([term, list, sessionId]) =>
        () =>
          restoreLatch(term, list, sessionId),
    ),
  },
);

test("the state machine's own changes, taken back from any revision, give what it was then", () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 60 }), fc.boolean(), (run, mayTakeOver) => {
      const driver = createDriver();
      const history = createHistory({ floor: 0n });
      const stood = new Map<string, { readonly from: bigint; readonly view: ElectionView }[]>();
      for (let id = 1n; id <= 6n; id++) driver.run(open(id));
      for (const of of KEYS) stood.set(keyText(of), [{ from: 0n, view: seen(driver, of) }]);
      for (const step of run) {
        const { changes } = driver.run(step(mayTakeOver));
        recordChanges(history, changes);
        for (const { key: of, revision } of changes) {
          stood.get(keyText(of))!.push({ from: revision, view: seen(driver, of) });
        }
      }

      // A waiting candidacy goes to another session without a change, and shows who holds it now.
      const show = (view: PastView): unknown => (mayTakeOver ? withoutSessions(view) : view);
      for (const of of KEYS) {
        const isWanted = (change: Change): boolean => keyText(change.key) === keyText(of);
        for (let revision = 0n; revision <= history.head; revision++) {
          const missed = resume(history, { afterRevision: revision, isWanted });
          if (missed.kind !== "replay") throw new Error(missed.kind);
          const found = undoChanges(seen(driver, of), missed.changes, revision);
          const then = stood.get(keyText(of))!.findLast(({ from }) => from <= revision)!;
          expect(show(found)).toEqual(show(past(then.view, revision)));
        }
      }
    }),
    randomRuns(300),
  );
});

test("a leader whose place another session took over is given back with its session and metadata", () => {
  const driver = createDriver();
  driver.run(open(1n), open(2n), enter("a", 1n, { metadata: new Map([["zone", "1"]]) }));
  const before = seen(driver, KEY);

  const { changes } = driver.run(enter("a", 2n, { takeover: true, metadata: NO_METADATA }));

  expect(undoChanges(seen(driver, KEY), changes, 1n)).toEqual(past(before, 1n));
});

test("a change that was left out is a bug, and not a list that never was", () => {
  const driver = createDriver();
  const { changes } = driver.run(open(1n), enter("a", 1n), enter("b", 1n), steer("anoint", "b"));

  expect(() => undoChanges(seen(driver, KEY), [changes[1]!], 1n)).toThrow("E17");
});

const KEYS: readonly PrimitiveKey[] = [KEY, key("f"), key("e", "latch")];

/** As a replica shows it: of an election that does not exist, a vacant view with the last term. */
function seen(driver: Driver, of: PrimitiveKey): ElectionView {
  const { term, asOfRevision } = checkFence(driver.state, of, 0n);
  const nothing = { key: of, revision: 0n, term, reportedTerm: 0n, queue: [], asOfRevision };
  return viewOf(driver.state, of) ?? nothing;
}

function restoreLatch(term: bigint, list: readonly string[], sessionId: bigint): Command {
  return call(sessionId, {
    kind: "restore",
    key: key("e", "latch"),
    term,
    ...(list[0] === undefined ? {} : { leader: list[0] }),
    participants: list.map((name) => ({ candidate: name, sessionId, ttlMs: 10_000 })),
  });
}

function candidate(name: string, text: string): CandidateView {
  return { name, sessionId: 1n, metadata: text === "" ? NO_METADATA : new Map([["k", text]]) };
}

/** A term and a time of its own for each revision, so that neither could be another's. */
function viewFrom(list: readonly CandidateView[], revision: bigint): ElectionView {
  const [leader, ...queue] = list;
  const common = { key: KEY, revision, term: revision * 3n, reportedTerm: 0n, queue };
  const asOf = { sinceMs: Number(revision) * 7, asOfRevision: revision };
  return { ...common, ...asOf, ...(leader === undefined ? {} : { leader }) };
}

/** A new order, in which those that did not have to move, and those that come, have new metadata. */
function rearranged(
  old: readonly CandidateView[],
  after: readonly string[],
  texts: readonly string[],
): readonly CandidateView[] {
  const moving = movers(
    old.map(({ name }) => name),
    after,
  );
  return after.map((name, i) => {
    const known = old.find((c) => c.name === name);
    return known !== undefined && moving.has(name) ? known : candidate(name, texts[i] ?? "");
  });
}

/** Those that stay and are not where they were among those that stay. */
function movers(old: readonly string[], after: readonly string[]): ReadonlySet<string> {
  const was = old.filter((name) => after.includes(name));
  return new Set(after.filter((name) => was.includes(name)).filter((name, i) => name !== was[i]));
}

/** The difference in the words of `Change`. */
function differenceOf(before: ElectionView, after: ElectionView): Change {
  const [old, list] = [listOf(before), listOf(after)];
  const placesOf = (all: readonly CandidateView[]): ReadonlyMap<string, Placed> =>
    new Map(all.map((c, position) => [c.name, { candidate: c, position }]));
  const [was, is] = [placesOf(old), placesOf(list)];
  const moving = movers([...was.keys()], [...is.keys()]);
  const staying = [...is.values()].filter(({ candidate: { name } }) => was.has(name));
  const isMoved = ({ candidate: { name } }: Placed): boolean => moving.has(name);
  return {
    revision: after.revision,
    previousRevision: before.revision,
    key: KEY,
    term: after.term,
    termBefore: before.term,
    sinceMsBefore: before.sinceMs,
    leaderBefore: before.leader,
    leader: after.leader,
    cause: "restored",
    reason: "",
    timeMs: 0,
    joined: [...is.values()].filter(({ candidate: { name } }) => !was.has(name)),
    left: [...was.values()].filter(({ candidate: { name } }) => !is.has(name)),
    moved: staying
      .filter(isMoved)
      .map((p) => ({ ...p, from: was.get(p.candidate.name)!.position })),
    updated: staying
      .filter((p) => !isMoved(p))
      .map((p) => ({ candidate: p.candidate, before: was.get(p.candidate.name)!.candidate })),
  };
}

function listOf({ leader, queue }: PastView): readonly CandidateView[] {
  return leader === undefined ? queue : [leader, ...queue];
}

function past(view: ElectionView, asOfRevision: bigint): PastView {
  const { reportedTerm: _, changedMs: __, ...rest } = view;
  return { ...rest, asOfRevision };
}

function withoutSessions(view: PastView): unknown {
  const { leader: _, queue: __, ...rest } = view;
  return { ...rest, list: listOf(view).map(({ name, metadata: meta }) => [name, [...meta]]) };
}
