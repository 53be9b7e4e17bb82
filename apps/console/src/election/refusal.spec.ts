// SPDX-License-Identifier: Apache-2.0
/** What an operator is told when a verb fails. */
import { ElectionError } from "@conclave/client";
import { expect, test } from "vitest";
import { refusalOf } from "./refusal.ts";

test("a stale view is refused without doubt: nothing was done", () => {
  const { outcome, title } = refusalOf(new ElectionError("CONFLICT", "revision is 9"));
  expect(outcome).toBe("not-applied");
  expect(title).toBe("Nothing was done: the election has changed since this page showed it.");
});

test("a time-out leaves it open whether it was done, and says so", () => {
  const { outcome, title, advice } = refusalOf(new ElectionError("TIMEOUT", "5 s are over"));
  expect(outcome).toBe("unknown");
  expect(title).toContain("not known whether this was done");
  expect(advice).toContain("before you ask again");
});

test("a time-out of which the SDK is sure that nothing left is no doubt", () => {
  const error = new ElectionError("TIMEOUT", "never connected", { outcome: "not-applied" });
  expect(refusalOf(error).title).toBe("Nothing was done: no answer came in time.");
});

test("an error without words of its own is told by its message", () => {
  const error = new ElectionError("QUOTA", "too many candidates", { outcome: "not-applied" });
  expect(refusalOf(error).title).toBe("Nothing was done: too many candidates");
  expect(refusalOf("odd").outcome).toBe("unknown");
});
