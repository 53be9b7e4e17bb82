// SPDX-License-Identifier: Apache-2.0
import { createPrng, type Prng } from "@conclave/base";
import { describe, expect, test } from "vitest";
import { judgeHistory } from "./linearizability.ts";
import type { Call, History, Operation, Result } from "./operation.ts";
import { planOf } from "./plan.ts";
import { findOrder } from "./search.ts";
import { historyOf, type Line, led, operation, view } from "./spec/by-hand.ts";
import { hasOrder } from "./spec/permutations.ts";
import { type RandomHistory, randomHistory } from "./spec/random-history.ts";

const SMALL_RUN: RandomHistory = {
  candidates: 3,
  operators: 3,
  operations: 60,
  lostPercent: 10,
};

describe("what really happened is linearizable", () => {
  test("with lost answers and sessions that end in silence", () => {
    for (let seed = 1n; seed <= 60n; seed++) {
      const { history } = randomHistory(seed, SMALL_RUN);
      expect(judgeHistory(history), `seed ${seed}`).toEqual({ kind: "linearizable" });
    }
  });

  test("also a thousand operations of eight clients, within few moves more than they have steps", () => {
    const options = { candidates: 4, operators: 4, operations: 1_000, lostPercent: 2 };
    const { history } = randomHistory(1n, options);
    const { steps } = planOf(history);

    expect(findOrder(planOf(history), 5 * steps.length).kind).toBe("ordered");
  });

  test("each election by itself", () => {
    const history = historyOf(
      ["a", "p1", { kind: "campaign", candidate: "x" }, 1, 2, led(1n)],
      ["b", "p2", { kind: "campaign", candidate: "y" }, 3, 4, led(1n)],
    );
    expect(judgeHistory(history)).toEqual({ kind: "linearizable" });
  });
});

describe("one wrong answer in what really happened is found", () => {
  test("a reading that shows what was over before it began", () => {
    expectFound(({ operations }) => {
      const stale = pairOf(operations, (earlier, later) => {
        const [seen, now] = [viewOf(earlier), viewOf(later)];
        if (seen === undefined || now === undefined || later.call.kind !== "get") return false;
        return (
          later.call.read === "linearizable" &&
          seen.revision > 0n &&
          seen.term < now.term &&
          operations.some((one) => isBetween(one, earlier, later) && viewOf(one)?.term === now.term)
        );
      });
      return stale && replace(operations, stale.later, { result: stale.earlier.result });
    });
  });

  test("a term that two candidates were told to lead in", () => {
    expectFound(({ operations }) => {
      const reused = pairOf(
        operations,
        (earlier, later) =>
          earlier.result?.kind === "led" &&
          later.result?.kind === "led" &&
          earlier.client !== later.client,
      );
      return reused && replace(operations, reused.later, { result: reused.earlier.result });
    });
  });

  test("another leader in a term that somebody leads in", () => {
    expectFound(({ operations }) => {
      const told = pairOf(operations, (earlier, later) => {
        const view = viewOf(later);
        return (
          earlier.result?.kind === "led" &&
          view?.term === earlier.result.term &&
          view.candidates.length > 1
        );
      });
      const view = told && viewOf(told.later);
      if (told === undefined || view === undefined) return undefined;
      const candidates = view.candidates.toReversed();
      const swapped = { ...view, candidates, leader: candidates[0] };
      return replace(operations, told.later, { result: { kind: "view", view: swapped } });
    });
  });

  test("an acknowledged change that a later reading has never heard of", () => {
    expectFound(({ operations }, { live, endNs }) => {
      const before = live.view();
      if (before.candidates.length < 2 || before.revision === 0n) return undefined;
      const candidate = before.candidates[1]!;
      live.move(candidate, 0);
      const at = Number(endNs);
      const lost: Call = { kind: "anoint", candidate, ifRevision: undefined, requestId: "r" };
      const anointed = operation("e", "z", lost, at + 10, at + 20, view(live.view()));
      const get: Call = { kind: "get", read: "linearizable" };
      return [...operations, anointed, operation("e", "z", get, at + 30, at + 40, view(before))];
    });
  });
});

describe("by hand", () => {
  const campaign = (candidate: string): Call => ({ kind: "campaign", candidate });
  const get: Call = { kind: "get", read: "linearizable" };
  const stale: Call = { kind: "get", read: "stale" };
  const a1 = view({ revision: 1n, term: 1n, leader: "a", candidates: ["a"] });
  const ab = view({ revision: 2n, term: 1n, leader: "a", candidates: ["a", "b"] });

  test("a command that changed nothing, and was lost, is the answer to whoever asks it again", () => {
    const anoint: Call = { kind: "anoint", candidate: "a", ifRevision: 2n, requestId: "r" };
    const b3 = view({ revision: 3n, term: 2n, leader: "b", candidates: ["b"] });
    const before: readonly Line[] = [
      ["e", "p", campaign("a"), 1, 2, led(1n)],
      ["e", "q", campaign("b"), 3, undefined, undefined],
      ["e", "o", get, 4, 5, ab],
    ];
    const lost: Line = ["e", "o", anoint, 6, 20, { kind: "unknown", code: "TIMEOUT" }];
    const resigned: Line = [
      "e",
      "p",
      { kind: "resign", candidate: "a", term: 1n },
      8,
      9,
      { kind: "done" },
    ];
    const again: Line = ["e", "o", anoint, 21, 22, b3];
    expect(judgeHistory(historyOf(...before, lost, resigned, again)).kind).toBe("linearizable");
    expect(judgeHistory(historyOf(...before, resigned, again)).kind).toBe("not-linearizable");
  });

  test("a candidacy does not vanish by itself", () => {
    const entered: Line = ["e", "p", campaign("a"), 1, 2, led(1n)];
    const vacant = view({ revision: 2n, term: 1n, leader: undefined, candidates: [] });
    const gone: Line = ["e", "q", get, 3, 4, vacant];
    expect(judgeHistory(historyOf(entered, gone)).kind).toBe("not-linearizable");

    const silent = { election: "e", candidate: "a", client: "p", fromNs: 2n, untilNs: undefined };
    const { operations } = historyOf(entered, gone);
    expect(judgeHistory({ operations, mayLeave: [silent] }).kind).toBe("linearizable");
    const over = { ...silent, fromNs: 0n, untilNs: 0n };
    expect(judgeHistory({ operations, mayLeave: [over] }).kind).toBe("not-linearizable");
  });

  test("a stale reading shows some past, and never what has not been yet", () => {
    const entered: Line = ["e", "p", campaign("a"), 1, 2, led(1n)];
    const waits: Line = ["e", "r", campaign("b"), 3, 9, { kind: "unknown", code: "TIMEOUT" }];
    const sees: Line = ["e", "q", get, 4, 5, ab];
    expect(judgeHistory(historyOf(entered, waits, sees, ["e", "q", stale, 6, 7, a1])).kind).toBe(
      "linearizable",
    );
    const ahead = view({ revision: 3n, term: 2n, leader: "b", candidates: ["b"] });
    expect(judgeHistory(historyOf(entered, waits, sees, ["e", "q", stale, 6, 7, ahead])).kind).toBe(
      "not-linearizable",
    );
  });

  test("a command without an answer may take effect later, once, or never", () => {
    const entered: Line = ["e", "p", campaign("a"), 1, 2, led(1n)];
    const waits: Line = ["e", "r", campaign("b"), 3, undefined, undefined];
    const evict: Call = {
      kind: "evict",
      candidate: "a",
      ifRevision: undefined,
      requestId: undefined,
    };
    const asked: Line = ["e", "o", evict, 4, 5, { kind: "unknown", code: "TIMEOUT" }];
    const b = view({ revision: 3n, term: 2n, leader: "b", candidates: ["b"] });
    const history = historyOf(entered, waits, asked, ["e", "q", get, 6, 7, ab]);
    expect(judgeHistory(history).kind).toBe("linearizable");
    expect(judgeHistory(historyOf(entered, waits, asked, ["e", "q", get, 6, 7, b])).kind).toBe(
      "linearizable",
    );
    const again = view({ revision: 4n, term: 2n, leader: "b", candidates: ["b", "a"] });
    const twice = view({ revision: 5n, term: 2n, leader: "b", candidates: ["b"] });
    const reEntered: Line = ["e", "p", campaign("a"), 8, undefined, undefined];
    const back: Line = ["e", "q", get, 9, 10, again];
    const outAgain: Line = ["e", "q", get, 11, 12, twice];
    const { operations } = historyOf(
      entered,
      waits,
      asked,
      ["e", "q", get, 6, 7, b],
      reEntered,
      back,
    );
    expect(judgeHistory({ operations, mayLeave: [] }).kind).toBe("linearizable");
    const done: Line = ["e", "p", campaign("a"), 8, 20, led(3n)];
    expect(
      judgeHistory(historyOf(entered, waits, asked, ["e", "q", get, 6, 7, b], done, back, outAgain))
        .kind,
    ).toBe("not-linearizable");
  });

  test("both of two comparisons with one revision cannot succeed", () => {
    const anoint = (candidate: string): Call => ({
      kind: "anoint",
      candidate,
      ifRevision: 3n,
      requestId: undefined,
    });
    const lines: readonly Line[] = [
      ["e", "p", campaign("a"), 1, 2, led(1n)],
      ["e", "r", campaign("b"), 3, undefined, undefined],
      ["e", "s", campaign("c"), 3, undefined, undefined],
      [
        "e",
        "q",
        get,
        4,
        5,
        view({ revision: 3n, term: 1n, leader: "a", candidates: ["a", "b", "c"] }),
      ],
      [
        "e",
        "o",
        anoint("b"),
        6,
        10,
        view({ revision: 4n, term: 2n, leader: "b", candidates: ["b", "a", "c"] }),
      ],
    ];
    const refused: Line = ["e", "o2", anoint("c"), 6, 10, { kind: "refused", code: "CONFLICT" }];
    expect(judgeHistory(historyOf(...lines, refused)).kind).toBe("linearizable");
    const second = view({ revision: 5n, term: 3n, leader: "c", candidates: ["c", "b", "a"] });
    const both: Line = ["e", "o2", anoint("c"), 6, 10, second];
    expect(judgeHistory(historyOf(...lines, both)).kind).toBe("not-linearizable");
  });

  test("one request id takes effect once", () => {
    const demote: Call = {
      kind: "demote",
      candidate: "a",
      ifRevision: undefined,
      requestId: "r",
    };
    const abc = { revision: 4n, term: 2n, leader: "b", candidates: ["b", "a", "c"] };
    const lines: readonly Line[] = [
      ["e", "p", campaign("a"), 1, 2, led(1n)],
      ["e", "r", campaign("b"), 3, undefined, undefined],
      ["e", "q", get, 4, 5, ab],
      ["e", "s", campaign("c"), 6, undefined, undefined],
      ["e", "o", demote, 7, 8, view(abc)],
    ];
    expect(judgeHistory(historyOf(...lines, ["e", "o", demote, 9, 10, view(abc)])).kind).toBe(
      "linearizable",
    );
    const twice = view({ ...abc, revision: 5n, candidates: ["b", "c", "a"] });
    expect(judgeHistory(historyOf(...lines, ["e", "o", demote, 9, 10, twice])).kind).toBe(
      "not-linearizable",
    );
  });

  test("sessions that end together make one new term", () => {
    const ends = ["a", "b"].map((candidate) => ({
      election: "e",
      candidate,
      client: undefined,
      fromNs: 6n,
      untilNs: 8n,
    }));
    const abc = view({ revision: 3n, term: 1n, leader: "a", candidates: ["a", "b", "c"] });
    const c = view({ revision: 4n, term: 2n, leader: "c", candidates: ["c"] });
    const { operations } = historyOf(
      ["e", "p", campaign("a"), 1, 2, led(1n)],
      ["e", "r", campaign("b"), 3, undefined, undefined],
      ["e", "s", campaign("c"), 3, undefined, undefined],
      ["e", "q", get, 4, 5, abc],
      ["e", "q", get, 9, 10, c],
    );
    expect(judgeHistory({ operations, mayLeave: ends }).kind).toBe("linearizable");
  });

  test("a verdict shows the fewest operations that contradict each other", () => {
    const { history } = randomHistory(3n, SMALL_RUN);
    const twice = historyOf(
      ["f", "p1", campaign("x"), 1, 2, led(1n)],
      ["f", "q", get, 1, 2, view({ revision: 7n, term: 1n, leader: "x", candidates: ["x"] })],
      ["f", "p2", campaign("y"), 3, 4, led(1n)],
      ["f", "q", get, 5, 6, view({ revision: 9n, term: 2n, leader: "y", candidates: ["y"] })],
    );
    const operations = [...history.operations, ...twice.operations];
    const verdict = judgeHistory({ operations, mayLeave: history.mayLeave });

    expect(verdict).toEqual({
      kind: "not-linearizable",
      election: "f",
      why: [
        "2 operations cannot be ordered; the last of those that can:",
        "  0.000..0.000 ms  p1: campaign x -> leads in term 1",
        "then it was term 1, [x, y], revision at least 2, and none of these fits:",
        "  0.000..0.000 ms  p2: campaign y -> leads in term 1",
      ],
    });
  });

  test("a search that reaches its bound says that it does not know", () => {
    const { history } = randomHistory(2n, SMALL_RUN);
    expect(judgeHistory(history, 3)).toEqual({ kind: "unknown", election: "e" });
  });
});

test("the search agrees with its dumb twin on small histories, right and wrong", () => {
  const counts = { ordered: 0, "not-ordered": 0, "gave-up": 0 };
  for (let seed = 1n; seed <= 2_000n; seed++) {
    const prng = createPrng(seed);
    const options = { candidates: 2, operators: 2, operations: 4, lostPercent: 20 };
    const { history } = randomHistory(seed, options);
    const judged = prng.chance(2, 3) ? spoilt(prng, history) : history;
    const found = findOrder(planOf(judged), 1_000_000).kind;
    counts[found]++;
    expect(found === "ordered", `seed ${seed}`).toBe(hasOrder(judged, 8));
  }
  expect(counts["gave-up"]).toBe(0);
  expect(counts["not-ordered"]).toBeGreaterThan(300);
  expect(counts.ordered).toBeGreaterThan(300);
});

function viewOf({ result }: Operation): Extract<Result, { kind: "view" }>["view"] | undefined {
  return result?.kind === "view" ? result.view : undefined;
}

function isBetween(one: Operation, earlier: Operation, later: Operation): boolean {
  return (
    one.startNs > (earlier.endNs ?? 0n) && one.endNs !== undefined && one.endNs < later.startNs
  );
}

function pairOf(
  operations: readonly Operation[],
  isWanted: (earlier: Operation, later: Operation) => boolean,
): { readonly earlier: Operation; readonly later: Operation } | undefined {
  for (const earlier of operations) {
    const later = operations.find(
      (one) => earlier.endNs !== undefined && one.startNs > earlier.endNs && isWanted(earlier, one),
    );
    if (later !== undefined) return { earlier, later };
  }
  return undefined;
}

function replace(
  operations: readonly Operation[],
  old: Operation,
  by: Partial<Operation>,
): readonly Operation[] {
  return operations.map((one) => (one === old ? { ...one, ...by } : one));
}

/** On many true histories, each spoilt in one place; it must be possible to spoil most of them. */
function expectFound(
  spoil: (
    history: History,
    run: ReturnType<typeof randomHistory>,
  ) => readonly Operation[] | undefined,
): void {
  let spoilt = 0;
  for (let seed = 1n; seed <= 60n; seed++) {
    const run = randomHistory(seed, SMALL_RUN);
    const operations = spoil(run.history, run);
    if (operations === undefined) continue;
    spoilt++;
    const { mayLeave } = run.history;
    const found = findOrder(planOf({ operations, mayLeave }), 300_000).kind;
    expect(found, `seed ${seed}`).toBe("not-ordered");
  }
  expect(spoilt).toBeGreaterThan(20);
}

function spoilt(prng: Prng, history: History): History {
  const { operations } = history;
  const at = prng.below(operations.length);
  const { result } = operations[at]!;
  const by = BigInt(prng.below(3)) - 1n;
  const other: Result | undefined =
    result?.kind === "led"
      ? { ...result, term: result.term + by }
      : result?.kind === "view"
        ? view({
            ...result.view,
            term: result.view.term + by,
            revision: result.view.revision + BigInt(prng.below(2)),
          })
        : result?.kind === "fence"
          ? { ...result, status: "current" }
          : { kind: "refused", code: "NOT_FOUND" };
  return { ...history, operations: replace(operations, operations[at]!, { result: other }) };
}
