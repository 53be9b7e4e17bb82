// SPDX-License-Identifier: Apache-2.0
/** Sessions put together from views and registrations. */
import { expect, test } from "vitest";
import type { ElectionRow } from "../model/election-row.ts";
import {
  candidatesOf,
  candidatesText,
  matchesSession,
  remainingOf,
  sessionRow,
  sessionRows,
} from "./session-rows.ts";

/** Candidates are written `name@instance`, the leader first. */
function row(name: string, ...who: string[]): ElectionRow {
  const all = who.map((text) => {
    const [id = "", instance = ""] = text.split("@");
    return { id, instance, metadata: {} };
  });
  const [leader = null, ...queue] = all;
  const view = { election: name, revision: 1n, term: 4n, leader, queue, sinceMs: null };
  return { namespace: "default", name, view };
}

function registration(instance: string, partition: number, remainingMs: number) {
  const times = { ttlMs: 5_000, graceMs: 0, remainingMs };
  return { instance, partition, ...times, labels: { host: "Worker-7" } };
}

const ROWS = sessionRows(
  [row("orders", "a@01", "b@02"), row("mail", "a2@01", "c@03", "b@02")],
  [registration("01", 1, 4_000), registration("01", 2, 3_000), registration("ff", 1, 100)],
);

test("a session is shown with all that it leads and waits for, the busiest first", () => {
  const shown = ROWS.map((s) => `${s.instance} ${s.leads.length}/${s.waits.length}`);
  expect(shown).toEqual(["01 2/0", "02 0/2", "03 0/1", "ff 0/0"]);
  expect(ROWS[1]?.waits).toMatchObject([
    { name: "orders", candidate: "b", position: 1 },
    { name: "mail", candidate: "b", position: 2 },
  ]);
});

test("one that stands in no election is shown, because a partition knows it", () => {
  expect(ROWS.at(-1)).toMatchObject({ instance: "ff", registrations: [{ partition: 1 }] });
});

test("what remains is the least of all partitions, and not known where none has said it", () => {
  expect(ROWS.map(remainingOf)).toEqual([3_000, null, null, 100]);
});

test("a filter looks at instances, candidates, elections and labels", () => {
  const found = (text: string): string[] =>
    ROWS.filter((s) => matchesSession(s, text)).map((s) => s.instance);
  expect(found("")).toHaveLength(4);
  expect(found("ff")).toEqual(["ff"]);
  expect(found("MAIL")).toEqual(["01", "02", "03"]);
  expect(found("worker-7")).toEqual(["01", "ff"]);
  expect(found("a2")).toEqual(["01"]);
});

test("one session is found among others of the same elections, by their names, or not at all", () => {
  const elections = [
    row("orders", "a@01", "b@02"),
    row("mail", "c@03"),
    row("geo", "a@01", "b@02"),
  ];
  const known = [registration("02", 1, 500), registration("01", 1, 500)];
  const session = sessionRow("02", elections, known);
  expect(session?.waits.map(({ name }) => name)).toEqual(["geo", "orders"]);
  expect(session?.registrations).toEqual([known[0]]);
  expect(sessionRow("09", elections, known)).toBe(undefined);
});

test("a session's candidates are named once each", () => {
  expect(ROWS[0] && candidatesOf(ROWS[0])).toEqual(["a", "a2"]);
  expect(ROWS[1] && candidatesOf(ROWS[1])).toEqual(["b"]);
});

test("of many candidates the first are named and the others counted", () => {
  const elections = Array.from({ length: 7 }, (_, i) => row(`e${i}`, `c${i}@01`));
  const [session] = sessionRows(elections, []);
  expect(session && candidatesText(session)).toBe("c0, c1, c2, c3, c4 and 2 more");
});
