// SPDX-License-Identifier: Apache-2.0
import type { Candidate, Cause, Change, View } from "@conclave/client";
import { expect, test } from "vitest";
import { createColors } from "./colors.ts";
import { changeToJson, toJsonText, viewToJson } from "./json.ts";
import { createChangeLines } from "./lines.ts";
import { listTable, viewTable } from "./tables.ts";

const PLAIN = createColors(false);

test("a watch tells one story a line: term, office, cause, queue", () => {
  const story: readonly Change[] = [
    { type: "snapshot", view: view(0n, []) },
    change("elected", view(1n, ["a"]), "entered"),
    change("queue", view(1n, ["a", "b"]), "entered"),
    change("queue", view(1n, ["a", "b", "c"]), "entered"),
    change("elected", view(2n, ["b", "c"]), "expired"),
    { type: "progress", revision: 9n },
    change("elected", view(3n, ["c", "b"]), "anointed", "deploy 42"),
    change("elected", view(4n, ["b", "c"]), "demoted"),
    change("elected", view(5n, ["c", "b"]), "promoted"),
    change("queue", view(5n, ["c"]), "evicted"),
    change("vacant", view(5n, []), "resigned"),
    { type: "contact", live: false },
    { type: "contact", live: true },
    { type: "gap", lost: [10n, 20n] },
    { type: "snapshot", view: view(7n, ["d"]) },
    change("vacant", view(7n, []), "deleted"),
  ];
  const lines = createChangeLines(false, PLAIN);

  expect(story.map((one) => lines.lineOf(one)).filter((line) => line !== undefined)).toEqual([
    "term 0  vacant",
    "term 1  a leads  (a entered)",
    "term 1  a leads  (b entered)  queue: b",
    "term 1  a leads  (c entered)  queue: b, c",
    "term 2  b leads  (a expired)  queue: c",
    "term 3  c leads  (c anointed: deploy 42)  queue: b",
    "term 4  b leads  (c demoted)  queue: c",
    "term 5  c leads  (c promoted)  queue: b",
    "term 5  c leads  (b evicted)",
    "term 5  vacant  (c resigned)",
    "out of contact: may be old",
    "live again",
    "some changes are no longer in the server's history; anew:",
    "term 7  d leads",
    "term 7  vacant  (deleted)",
  ]);
});

test("a watch of many elections names each, and keeps their stories apart", () => {
  const lines = createChangeLines(true, PLAIN);
  lines.lineOf({ type: "snapshot", view: view(1n, ["a"], "x") });
  lines.lineOf({ type: "snapshot", view: view(4n, ["b"], "y") });

  expect(lines.lineOf(change("vacant", view(1n, [], "x"), "expired"))).toBe(
    "x  term 1  vacant  (a expired)",
  );
});

test("several candidates that end in one change are all named", () => {
  const lines = createChangeLines(false, PLAIN);
  lines.lineOf({ type: "snapshot", view: view(1n, ["a", "b", "c"]) });

  expect(lines.lineOf(change("elected", view(2n, ["c"]), "expired"))).toBe(
    "term 2  c leads  (a, b expired)",
  );
});

test("one election is a heading and a row for each candidate", () => {
  expect(viewTable({ ...view(2n, ["b", "c"]), sinceMs: 0 }, PLAIN)).toBe(
    [
      "demo  term 2  led  since 1970-01-01T00:00:00.000Z  revision 12",
      "PLACE  CANDIDATE  INSTANCE          METADATA",
      "leads  b          00000000000000b0  host=b.example",
      "1.     c          00000000000000c0  host=c.example",
    ].join("\n"),
  );
  expect(viewTable(view(2n, []), PLAIN)).toBe("demo  term 2  vacant  revision 12");
});

test("many elections are a row each", () => {
  expect(listTable([view(2n, ["b", "c"]), view(7n, [], "other")], PLAIN)).toBe(
    [
      "ELECTION  TERM  LEADER  WAITING  REVISION",
      "demo      2     b       1        12",
      "other     7     vacant  0        12",
    ].join("\n"),
  );
});

test("a program reads every field of a view, and integers of any size whole", () => {
  const large = { ...view(18_446_744_073_709_551_615n, ["b"]), sinceMs: 1000 };

  expect(toJsonText(viewToJson(large))).toBe(
    '{"election":"demo","revision":12,"term":18446744073709551615,' +
      '"leader":{"id":"b","instance":"00000000000000b0","metadata":{"host":"b.example"}},' +
      '"queue":[],"since":"1970-01-01T00:00:01.000Z"}',
  );
});

test("a program reads what happened, why and when from each line of a watch", () => {
  const expired = change("vacant", view(2n, []), "expired");

  expect(toJsonText(changeToJson(expired))).toBe(
    '{"type":"vacant","election":"demo","revision":12,"term":2,"leader":null,"queue":[],' +
      '"since":null,"cause":"expired","reason":"","time":"1970-01-01T00:00:05.000Z"}',
  );
  expect(toJsonText(changeToJson({ type: "snapshot", view: view(0n, []) }))).toContain(
    '"cause":null,"reason":"","time":null',
  );
  expect(toJsonText(changeToJson({ type: "gap", lost: [10n, 20n] }))).toBe(
    '{"type":"gap","after":10,"before":20}',
  );
  expect(toJsonText(changeToJson({ type: "progress", revision: 3n }))).toBe(
    '{"type":"progress","revision":3}',
  );
  expect(toJsonText(changeToJson({ type: "contact", live: false }))).toBe(
    '{"type":"contact","live":false}',
  );
});

test("names with quotes and line ends stay inside their string", () => {
  const odd = view(1n, ['a"b\n']);

  expect(JSON.parse(toJsonText(viewToJson(odd)))).toMatchObject({ leader: { id: 'a"b\n' } });
});

function view(term: bigint, order: readonly string[], election = "demo"): View {
  const [leader = null, ...queue] = order.map(candidate);
  return { election, revision: 12n, term, leader, queue, sinceMs: null };
}

function candidate(id: string): Candidate {
  const instance = `${id.slice(0, 1)}0`.padStart(16, "0");
  return { id, instance, metadata: { host: `${id}.example` } };
}

function change(
  type: "elected" | "vacant" | "queue" | "metadata",
  to: View,
  cause: Cause,
  reason = "",
): Change {
  return { type, view: to, cause, reason, timeMs: 5000 };
}
