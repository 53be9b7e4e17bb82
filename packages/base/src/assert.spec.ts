// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { AssertionError, assert, unreachable } from "./assert.ts";

test("a rule that holds lets the program go on", () => {
  expect(() => assert(true, "E3: a term never falls")).not.toThrow();
});

test("a broken rule stops the program and names the rule", () => {
  const broken = (): void => assert(false, "E3: a term never falls");

  expect(broken).toThrow(AssertionError);
  expect(broken).toThrow("E3: a term never falls");
});

test("a branch that a switch should never take shows the value that took it", () => {
  const surprise = { kind: "unheard-of" } as never;

  expect(() => unreachable(surprise)).toThrow('{"kind":"unheard-of"}');
});
