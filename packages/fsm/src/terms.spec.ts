// SPDX-License-Identifier: Apache-2.0
/** A term is never issued twice: tombstones, the floor, folding, and a restore (A1, A4; schedule M). */
import { expect, test } from "vitest";
import { assertPartitionValid } from "./invariants.ts";
import { checkFence, listKeys, viewOf } from "./read.ts";
import { RESTORE_LEAD, restoreCluster } from "./restore-cluster.ts";
import {
  call,
  createDriver,
  type Driver,
  enter,
  KEY,
  key,
  open,
  remove,
  show,
  showReply,
  withdraw,
} from "./spec/driver.ts";

function led(driver: Driver, name: string): void {
  driver.run(enter("a", 1n, { key: key(name) }), remove(key(name)));
}

test("a deleted election goes on from its last term when it is created again", () => {
  const driver = createDriver();
  driver.run(open(1n), enter("a", 1n), withdraw("a", 1n), enter("a", 1n), remove());
  expect(viewOf(driver.state, KEY)).toBeUndefined();

  driver.run(enter("a", 1n));

  expect(show(driver.state)).toBe("3 a [a]");
});

test("deleting an election that is not there is refused natively", () => {
  const driver = createDriver();
  expect(showReply(driver.ask(remove()))).toBe("no_such_election");
});

test("deletion is one change that vacates the office", () => {
  const driver = createDriver();
  driver.run(open(1n), enter("a", 1n), enter("b", 1n));
  const { changes } = driver.run(remove());

  expect(changes).toMatchObject([
    {
      cause: "deleted",
      term: 1n,
      left: [{ candidate: { name: "a" } }, { candidate: { name: "b" } }],
      leader: undefined,
    },
  ]);
});

test("an election that never had a leader leaves no tombstone", () => {
  const driver = createDriver();
  driver.run(open(1n), call(1n, { kind: "create", key: KEY }), remove());
  expect(driver.state.tombstones.size).toBe(0);
});

test("tombstones are bounded, and the oldest raises the floor from which new names start", () => {
  const driver = createDriver({ tombstonesMax: 2 });
  driver.run(open(1n));
  led(driver, "first");
  led(driver, "first");
  led(driver, "second");
  led(driver, "third");
  expect([...driver.state.tombstones.keys()]).toHaveLength(2);
  expect(driver.state.termFloor).toBe(2n);

  driver.run(enter("a", 1n, { key: key("first") }), enter("a", 1n, { key: key("new") }));
  driver.run(enter("a", 1n, { key: key("second") }));

  expect(show(driver.state, key("first"))).toBe("3 a [a]");
  expect(show(driver.state, key("new"))).toBe("3 a [a]");
  // Its own tombstone is still there, and is the truth for it.
  expect(show(driver.state, key("second"))).toBe("2 a [a]");
});

test("at 90 % the vacant election with the lowest revision is folded before a new one is created", () => {
  const driver = createDriver({ electionsFoldAt: 3, electionsMax: 4 });
  driver.run(open(1n));
  for (const name of ["x", "y", "z"]) driver.run(enter("a", 1n, { key: key(name) }));
  driver.run(withdraw("a", 1n, key("y")), withdraw("a", 1n, key("x")));

  const { changes } = driver.run(enter("a", 1n, { key: key("w") }));

  expect(changes).toHaveLength(1);
  const names = listKeys(driver.state, {
    kind: "election",
    namespace: "default",
    prefix: "",
    limit: 9,
  });
  expect(names.map((k) => k.name)).toEqual(["w", "x", "z"]);
  driver.run(enter("a", 1n, { key: key("y") }));
  expect(show(driver.state, key("y"))).toBe("2 a [a]");
});

test("an election that is folded and created again still shows its term to the dialects", () => {
  const driver = createDriver({ electionsFoldAt: 1, electionsMax: 2 });
  driver.run(open(1n), enter("a", 1n), withdraw("a", 1n), enter("a", 1n, { key: key("f") }));
  driver.run(withdraw("a", 1n, key("f")), call(1n, { kind: "create", key: KEY }));

  expect(viewOf(driver.state, KEY)).toMatchObject({ term: 1n, reportedTerm: 1n });
});

test("an election that a session has created is never folded under it", () => {
  const driver = createDriver({ electionsFoldAt: 1, electionsMax: 2 });
  driver.run(open(1n), call(1n, { kind: "create", key: KEY }));
  driver.run(enter("a", 1n, { key: key("f") }));

  expect(viewOf(driver.state, KEY)).toBeDefined();
  expect(showReply(driver.ask(enter("a", 1n, { key: key("g") })))).toBe("too_many_elections");
});

test("a vacant election reports term 0 to the dialects until it is led since its creation", () => {
  const driver = createDriver();
  driver.run(open(1n), enter("a", 1n), remove(), call(1n, { kind: "create", key: KEY }));
  expect(viewOf(driver.state, KEY)).toMatchObject({ term: 1n, reportedTerm: 0n });
  driver.run(enter("a", 1n));
  expect(viewOf(driver.state, KEY)).toMatchObject({ term: 2n, reportedTerm: 2n });
});

test("CheckFence: current, superseded, vacant, unknown", () => {
  const driver = createDriver();
  const check = (term: bigint): string => checkFence(driver.state, KEY, term).status;
  expect(check(1n)).toBe("unknown");
  driver.run(open(1n), enter("a", 1n), withdraw("a", 1n), enter("a", 1n));
  expect([0n, 1n, 2n, 3n].map(check)).toEqual(["unknown", "superseded", "current", "unknown"]);
  driver.run(withdraw("a", 1n));
  expect([1n, 2n, 3n].map(check)).toEqual(["superseded", "vacant", "unknown"]);
  driver.run(remove());
  expect([1n, 2n, 3n].map(check)).toEqual(["superseded", "vacant", "unknown"]);
  expect(checkFence(driver.state, KEY, 2n)).toMatchObject({ term: 2n });
});

test("CheckFence never says current of a name whose tombstone has fallen to the floor", () => {
  const driver = createDriver({ tombstonesMax: 1 });
  driver.run(open(1n));
  led(driver, "gone");
  led(driver, "gone");
  led(driver, "other");
  const check = (term: bigint): string => checkFence(driver.state, key("gone"), term).status;

  expect([1n, 2n, 3n].map(check)).toEqual(["superseded", "vacant", "unknown"]);
});

test("M: a restore of the cluster ends all, and every term and counter jumps by 2^40", () => {
  const driver = createDriver();
  driver.run(open(1n), open(2n), enter("a", 1n), enter("b", 2n));
  led(driver, "gone");
  const { revision, index } = driver.state;

  restoreCluster(driver.state);
  assertPartitionValid(driver.state);

  expect(driver.state.sessions.size).toBe(0);
  expect(showReply(driver.ask(enter("a", 1n)))).toBe("session_ended");
  expect(show(driver.state)).toBe(`${1n + RESTORE_LEAD} - []`);
  expect(checkFence(driver.state, KEY, 1n).status).toBe("superseded");
  expect(checkFence(driver.state, key("gone"), 1n).status).toBe("superseded");
  expect(driver.state.termFloor).toBe(RESTORE_LEAD);
  expect(driver.state.revision).toBeGreaterThan(revision + RESTORE_LEAD);
  expect(driver.state.index).toBeGreaterThan(index + RESTORE_LEAD);
  driver.run(open(3n), enter("c", 3n));
  expect(show(driver.state)).toBe(`${2n + RESTORE_LEAD} c [c]`);
});

test("after a restore of the cluster, vacant elections are folded in the order of their new revisions", () => {
  const driver = createDriver({ electionsFoldAt: 3, electionsMax: 4 });
  driver.run(open(1n));
  for (const name of ["z", "m", "a"]) driver.run(enter("x", 1n, { key: key(name) }));
  driver.run(withdraw("x", 1n, key("z")));

  restoreCluster(driver.state);
  driver.run(open(2n), enter("x", 2n, { key: key("new") }));

  const query = { kind: "election" as const, namespace: "default", prefix: "", limit: 9 };
  expect(listKeys(driver.state, query).map((k) => k.name)).toEqual(["m", "new", "z"]);
});
