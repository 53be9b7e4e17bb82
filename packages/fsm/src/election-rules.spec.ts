// SPDX-License-Identifier: Apache-2.0
/** The rows of semantics A1, one by one: state, command, answer, state after, event. */
import { describe, expect, test } from "vitest";
import { apply } from "./apply.ts";
import type { Command } from "./command.ts";
import { viewOf } from "./read.ts";
import {
  call,
  createDriver,
  type Driver,
  enter,
  fresh,
  KEY,
  open,
  show,
  showChange,
  showReply,
  steer,
  withdraw,
} from "./spec/driver.ts";

/** A partition where sessions 1, 2, 3 have entered a, b, c, as many as are asked for. */
function queueOf(count: number): Driver {
  const driver = createDriver();
  driver.run(open(1n), open(2n), open(3n));
  for (const [i, name] of ["a", "b", "c"].slice(0, count).entries()) {
    driver.run(enter(name, BigInt(i + 1)));
  }
  return driver;
}

interface Row {
  readonly before: number;
  readonly command: () => Command;
  readonly answer: string;
  readonly after: string;
  /** Absent: no event. */
  readonly event?: string;
}

const dialect = (
  kind: "enter" | "withdraw" | "anoint" | "promote" | "demote" | "evict",
  candidate: string,
  session = 1n,
): Command => call(session, { kind, key: KEY, candidate });

const ROWS: Readonly<Record<string, Row>> = {
  "the first to enter leads at term 1": {
    before: 0,
    command: () => enter("a", 1n),
    answer: "done",
    after: "1 a [a]",
    event: "entered 1 a",
  },
  "who enters behind a leader waits, and the term stays": {
    before: 1,
    command: () => enter("b", 2n),
    answer: "done",
    after: "1 a [a b]",
    event: "entered 1 a",
  },
  "a leader that enters again under its session changes nothing": {
    before: 2,
    command: () => enter("a", 1n),
    answer: "done unchanged",
    after: "1 a [a b]",
  },
  "one that waits and enters again keeps its place": {
    before: 3,
    command: () => enter("b", 2n),
    answer: "done unchanged",
    after: "1 a [a b c]",
  },
  "a name that another session holds is refused natively": {
    before: 2,
    command: () => enter("b", 1n),
    answer: "held_by_another_session",
    after: "1 a [a b]",
  },
  "taking over a leading candidacy is a new taking of office": {
    before: 2,
    command: () => enter("a", 3n, { takeover: true }),
    answer: "done",
    after: "2 a [a b]",
    event: "entered 2 a",
  },
  "taking over a waiting candidacy changes nothing that is seen": {
    before: 2,
    command: () => enter("b", 3n, { takeover: true }),
    answer: "done unchanged",
    after: "1 a [a b]",
  },
  "an Enter of a dialect re-binds a leading name, under a new term": {
    before: 2,
    command: () => dialect("enter", "a", 3n),
    answer: "done",
    after: "2 a [a b]",
    event: "entered 2 a",
  },
  "an Enter of a dialect re-binds a waiting name in silence": {
    before: 2,
    command: () => dialect("enter", "b", 3n),
    answer: "done unchanged",
    after: "1 a [a b]",
  },
  "when the leader withdraws the next takes office, term + 1": {
    before: 3,
    command: () => withdraw("a", 1n),
    answer: "done",
    after: "2 b [b c]",
    event: "resigned 2 b",
  },
  "when the only one withdraws the office is vacant and the term stays": {
    before: 1,
    command: () => withdraw("a", 1n),
    answer: "done",
    after: "1 - []",
    event: "withdrawn-to-vacancy",
  },
  "when one that waits withdraws the term stays": {
    before: 3,
    command: () => withdraw("b", 2n),
    answer: "done",
    after: "1 a [a c]",
    event: "withdrawn 1 a",
  },
  "a session withdraws its own candidacies only": {
    before: 2,
    command: () => withdraw("a", 2n),
    answer: "held_by_another_session",
    after: "1 a [a b]",
  },
  "withdrawing an unknown candidate is refused natively": {
    before: 1,
    command: () => withdraw("x", 1n),
    answer: "not_a_candidate",
    after: "1 a [a]",
  },
  "withdrawing from an unknown election is refused natively": {
    before: 0,
    command: () => withdraw("a", 1n),
    answer: "no_such_election",
    after: "0 - []",
  },
  "a dialect withdraws by name, whoever asks": {
    before: 2,
    command: () => dialect("withdraw", "a", 2n),
    answer: "done",
    after: "2 b [b]",
    event: "resigned 2 b",
  },
  "a dialect withdraws an unknown name in silence": {
    before: 2,
    command: () => dialect("withdraw", "x"),
    answer: "done unchanged",
    after: "1 a [a b]",
  },
  "anoint moves to the front, term + 1, and the old leader becomes second": {
    before: 3,
    command: () => steer("anoint", "c"),
    answer: "done",
    after: "2 c [c a b]",
    event: "anointed 2 c",
  },
  "anointing the leader does nothing": {
    before: 3,
    command: () => steer("anoint", "a"),
    answer: "done unchanged",
    after: "1 a [a b c]",
  },
  "anointing an unknown candidate is refused natively": {
    before: 1,
    command: () => steer("anoint", "x"),
    answer: "not_a_candidate",
    after: "1 a [a]",
  },
  "a dialect anoints an unknown candidate in silence": {
    before: 1,
    command: () => dialect("anoint", "x"),
    answer: "done unchanged",
    after: "1 a [a]",
  },
  "promote swaps with the one before": {
    before: 3,
    command: () => steer("promote", "c"),
    answer: "done",
    after: "1 a [a c b]",
    event: "promoted 1 a",
  },
  "promoting the second makes it leader, term + 1": {
    before: 3,
    command: () => steer("promote", "b"),
    answer: "done",
    after: "2 b [b a c]",
    event: "promoted 2 b",
  },
  "promoting the leader does nothing": {
    before: 2,
    command: () => steer("promote", "a"),
    answer: "done unchanged",
    after: "1 a [a b]",
  },
  "a dialect promotes an unknown candidate in silence": {
    before: 1,
    command: () => dialect("promote", "x"),
    answer: "done unchanged",
    after: "1 a [a]",
  },
  "demote swaps with the one after": {
    before: 3,
    command: () => steer("demote", "b"),
    answer: "done",
    after: "1 a [a c b]",
    event: "demoted 1 a",
  },
  "a demoted leader with a successor becomes second, term + 1": {
    before: 3,
    command: () => steer("demote", "a"),
    answer: "done",
    after: "2 b [b a c]",
    event: "demoted 2 b",
  },
  "demoting a leader that is alone does nothing": {
    before: 1,
    command: () => steer("demote", "a"),
    answer: "done unchanged",
    after: "1 a [a]",
  },
  "demoting the last does nothing": {
    before: 3,
    command: () => steer("demote", "c"),
    answer: "done unchanged",
    after: "1 a [a b c]",
  },
  "a dialect demotes an unknown candidate in silence": {
    before: 1,
    command: () => dialect("demote", "x"),
    answer: "done unchanged",
    after: "1 a [a]",
  },
  "evicting the leader makes the next one lead, term + 1": {
    before: 2,
    command: () => steer("evict", "a"),
    answer: "done",
    after: "2 b [b]",
    event: "evicted 2 b",
  },
  "evicting one that waits leaves the term": {
    before: 2,
    command: () => steer("evict", "b"),
    answer: "done",
    after: "1 a [a]",
    event: "evicted 1 a",
  },
  "evicting an unknown candidate is refused natively": {
    before: 1,
    command: () => steer("evict", "x"),
    answer: "not_a_candidate",
    after: "1 a [a]",
  },
  "a dialect evicts an unknown candidate in silence": {
    before: 1,
    command: () => dialect("evict", "x"),
    answer: "done unchanged",
    after: "1 a [a]",
  },
};

describe("semantics A1, row by row", () => {
  test.each(Object.entries(ROWS))("%s", (_, { before, command, answer, after, event }) => {
    const driver = queueOf(before);
    const { revision } = driver.state;

    const { replies, changes } = driver.run(command());

    expect(showReply(replies[0]!)).toBe(answer);
    expect(show(driver.state)).toBe(after);
    const expected = event === "withdrawn-to-vacancy" ? "resigned 1 -" : event;
    expect(changes.map(showChange)).toEqual(expected === undefined ? [] : [expected]);
    expect(driver.state.revision).toBe(revision + BigInt(changes.length));
  });
});

test("a term is not used twice by one who leaves a vacant office and comes back", () => {
  const driver = queueOf(1);
  driver.run(withdraw("a", 1n), enter("a", 1n));

  expect(show(driver.state)).toBe("2 a [a]");
});

test("an answer says whether the named candidate leads under the calling session", () => {
  const driver = queueOf(1);

  expect(driver.ask(enter("b", 2n))).toMatchObject({ leading: false, term: 1n, revision: 2n });
  expect(driver.ask(steer("anoint", "b"))).toMatchObject({ leading: true, term: 2n, revision: 3n });
  expect(driver.ask(withdraw("b", 2n))).toMatchObject({ leading: false, term: 3n, revision: 4n });
});

test("entering again takes new metadata, keeps the place and is one change", () => {
  const driver = queueOf(2);
  const metadata = new Map([["zone", "x"]]);

  const { changes, replies } = driver.run(enter("b", 2n, { metadata }));

  expect(showReply(replies[0]!)).toBe("done");
  expect(changes.map(showChange)).toEqual(["metadata 1 a"]);
  const before = { name: "b", sessionId: 2n, metadata: new Map() };
  expect(changes[0]!.updated).toEqual([{ candidate: { ...before, metadata }, before }]);
  expect(viewOf(driver.state, KEY)?.queue[0]?.metadata).toEqual(metadata);
  expect(show(driver.state)).toBe("1 a [a b]");
});

test("a takeover of the leader with other metadata is one change, not two", () => {
  const driver = queueOf(1);
  const metadata = new Map([["zone", "x"]]);

  const { changes } = driver.run(enter("a", 2n, { takeover: true, metadata }));

  expect(changes.map(showChange)).toEqual(["entered 2 a"]);
  expect(changes[0]).toMatchObject({
    leaderBefore: { sessionId: 1n, metadata: new Map() },
    leader: { sessionId: 2n, metadata },
  });
});

test("update-metadata replaces the metadata of one's own candidate and of no other", () => {
  const driver = queueOf(2);
  const update = (candidate: string, sessionId: bigint, value: string): Command => ({
    kind: "update-metadata",
    key: KEY,
    candidate,
    metadata: new Map([["k", value]]),
    id: fresh(sessionId),
  });

  expect(showReply(driver.ask(update("a", 2n, "1")))).toBe("held_by_another_session");
  expect(showReply(driver.ask(update("a", 1n, "1")))).toBe("done");
  expect(viewOf(driver.state, KEY)?.leader?.metadata).toEqual(new Map([["k", "1"]]));
});

test("a change tells where everybody stands: applying its difference gives the new list", () => {
  const driver = queueOf(3);
  let names = ["a", "b", "c"];
  const commands = [
    steer("anoint", "c"),
    steer("demote", "c"),
    steer("promote", "b"),
    enter("d", 3n),
    steer("promote", "d"),
    withdraw("b", 2n),
    steer("evict", "d"),
  ];

  for (const command of commands) {
    for (const change of driver.run(command).changes) {
      const gone = new Set([...change.left, ...change.moved].map((p) => p.candidate.name));
      names = names.filter((name) => !gone.has(name));
      const placed = [...change.moved, ...change.joined].sort((x, y) => x.position - y.position);
      for (const { candidate, position } of placed) names.splice(position, 0, candidate.name);
    }
    expect(show(driver.state)).toContain(`[${names.join(" ")}]`);
  }
});

test("F: two changes of one batch have two revisions, and each says which one was before", () => {
  const driver = createDriver();
  const { changes, replies } = driver.run(open(1n), enter("a", 1n), enter("b", 1n));

  expect(changes.map((c) => [c.previousRevision, c.revision])).toEqual([
    [0n, 1n],
    [1n, 2n],
  ]);
  expect(replies.slice(1)).toMatchObject([{ revision: 1n }, { revision: 2n }]);
});

test("an election and a latch of one name, and names of two namespaces, are told apart", () => {
  const driver = createDriver();
  const latch = { ...KEY, kind: "latch" as const };
  const elsewhere = { ...KEY, namespace: "other" };
  driver.run(open(1n), enter("a", 1n), enter("b", 1n, { key: latch }));
  driver.run(enter("c", 1n, { key: elsewhere }));

  expect(show(driver.state)).toBe("1 a [a]");
  expect(show(driver.state, latch)).toBe("1 b [b]");
  expect(show(driver.state, elsewhere)).toBe("1 c [c]");
});

test("log time never falls, and says since when the leader leads and when something last changed", () => {
  const driver = queueOf(0);
  const at = (timeMs: number, command: Command): void => {
    apply(driver.state, { timeMs, commands: [command] });
  };
  at(5_000_000, enter("a", 1n));
  at(4_000_000, enter("b", 2n));

  expect(viewOf(driver.state, KEY)).toMatchObject({ sinceMs: 5_000_000, changedMs: 5_000_000 });
  at(6_000_000, steer("evict", "b"));
  expect(viewOf(driver.state, KEY)).toMatchObject({ sinceMs: 5_000_000, changedMs: 6_000_000 });
});
