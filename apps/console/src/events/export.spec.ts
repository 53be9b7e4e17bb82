// SPDX-License-Identifier: Apache-2.0
/** Exports and filters of the log of changes. */
import { expect, test } from "vitest";
import type { LoggedChange, LoggedElectionChange } from "../model/change-log.ts";
import { toCsv, toJson } from "./export.ts";
import { filterChanges } from "./filter-changes.ts";

function change(id: number, fields: Partial<LoggedElectionChange> = {}): LoggedChange {
  return {
    ...{ kind: "change", id, namespace: "default", name: "orders", type: "elected" },
    ...{ cause: "anointed", reason: "", term: 7n, revision: 9n, timeMs: 0, receivedMs: 5 },
    leaderBefore: null,
    leaderAfter: { id: "b", instance: "00", metadata: {} },
    ...fields,
  };
}

const GAP: LoggedChange = { kind: "gap", id: 9, namespace: "default", receivedMs: 5 };

function cells(reason: string): string {
  return toCsv([change(1, { reason })])
    .split("\r\n")
    .slice(1)
    .join("\r\n")
    .trim();
}

test("a reason with commas, quotes and line ends is one cell", () => {
  expect(cells('a, "b"\nc')).toBe(
    '1970-01-01T00:00:00.000Z,default,orders,elected,anointed,"a, ""b""\nc",7,9,,b',
  );
});

test("a reason that a spreadsheet would calculate is kept as text", () => {
  expect(cells("=HYPERLINK(1)")).toContain(",'=HYPERLINK(1),");
  expect(cells("@x")).toContain(",'@x,");
  expect(cells("a=b")).toContain(",a=b,");
});

test("a gap is a line of its own in both", () => {
  expect(toCsv([GAP]).split("\r\n")[1]).toBe("1970-01-01T00:00:00.005Z,default,,gap,,,,,,");
  expect(JSON.parse(toJson([GAP]))).toMatchObject([{ type: "gap", namespace: "default" }]);
});

test("JSON keeps terms beyond 2^53 exactly", () => {
  expect(JSON.parse(toJson([change(1, { term: 2n ** 60n })]))).toMatchObject([
    { term: "1152921504606846976" },
  ]);
});

test("a filter asks for all of what it names, newest first, and never hides a gap", () => {
  const log = [
    change(1),
    change(2, { cause: "evicted", reason: "Deploy 42" }),
    change(3, { namespace: "blue" }),
    GAP,
  ];
  const ids = (text: string, namespace: string, cause: string): number[] =>
    filterChanges(log, { text, namespace, cause }).map((c) => c.id);
  expect(ids("", "", "")).toEqual([9, 3, 2, 1]);
  expect(ids("deploy", "", "")).toEqual([9, 2]);
  expect(ids("", "", "evicted")).toEqual([9, 2]);
  expect(ids("", "blue", "")).toEqual([3]);
  expect(ids("B", "default", "anointed")).toEqual([9, 1]);
});
