// SPDX-License-Identifier: Apache-2.0
/** What a verb's dialog promises is what the state machine does (semantics A1). */
import type { View } from "@conclave/client";
import { expect, test } from "vitest";
import { consequenceOf, deletionConsequence, type Verb } from "./verbs.ts";

function view(...ids: string[]): View {
  const [leader = null, ...queue] = ids.map((id) => ({ id, instance: "00", metadata: {} }));
  return { election: "e", revision: 9n, term: 7n, leader, queue, sinceMs: null };
}

function say(verb: Verb, candidate: string, of: View): string {
  const consequence = consequenceOf(verb, candidate, of);
  if (consequence.kind === "none") return `none: ${consequence.why}`;
  return `${consequence.movesOffice ? "moves" : "stays"}: ${consequence.sentences[0]}`;
}

const A_TO_B = "moves: a leads now under term 7; b will lead under term 8.";

test("a verb that moves the office says from whom to whom and under which term", () => {
  expect(say("anoint", "b", view("a", "b"))).toBe(A_TO_B);
  expect(say("anoint", "c", view("a", "b", "c"))).toBe(A_TO_B.replace("; b", "; c"));
  expect(say("promote", "b", view("a", "b"))).toBe(A_TO_B);
  expect(say("demote", "a", view("a", "b"))).toBe(A_TO_B);
  expect(say("evict", "a", view("a", "b"))).toBe(A_TO_B);
});

test("a verb among those who wait leaves the leader where it is", () => {
  const places = "change places: c becomes number";
  expect(say("promote", "c", view("a", "b", "c"))).toBe(
    `stays: c and b ${places} 1 of those who wait.`,
  );
  expect(say("demote", "c", view("a", "c", "d"))).toBe(
    `stays: c and d ${places} 2 of those who wait.`,
  );
  expect(say("evict", "b", view("a", "b"))).toBe(
    "stays: b leaves the queue, where it is number 1.",
  );
});

test("evicting the only candidate leaves the office vacant, and says so", () => {
  expect(say("evict", "a", view("a"))).toContain("nobody will lead");
});

test("what would change nothing is refused with the reason", () => {
  expect(say("anoint", "a", view("a", "b"))).toBe("none: a leads already.");
  expect(say("promote", "a", view("a", "b"))).toBe("none: a leads already.");
  expect(say("demote", "a", view("a"))).toBe("none: Nobody waits to take over from a.");
  expect(say("demote", "b", view("a", "b"))).toBe("none: b is the last in the queue.");
  expect(say("evict", "z", view("a", "b"))).toBe("none: z is not in the queue.");
  expect(say("anoint", "b", view())).toBe("none: b is not in the queue.");
});

test("a deletion says who loses the place", () => {
  expect(deletionConsequence(view("a", "b")).join(" ")).toContain("All 2 candidates");
  expect(deletionConsequence(view())[0]).toBe("It has no candidates.");
});
