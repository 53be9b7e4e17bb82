// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it, test } from "vitest";
import { checkLinks, checkRuleNumbers, checkTestNames, INVARIANTS_PATH } from "./links.ts";

function linkMessages(text: string): string[] {
  const tree = new Map([
    ["docs/guide.md", text],
    ["docs/other.md", "# Other things\n\n## `a` & b, twice\n\n## Same\n\n## Same\n"],
    ["README.md", ""],
  ]);
  return checkLinks(tree).map(({ line, message }) => `${line} ${message}`);
}

describe("a link in a document", () => {
  it("is refused where it leads to no file", () => {
    expect(linkMessages("a\n[b](gone.md)\n")).toEqual(["2 gone.md leads nowhere"]);
    expect(linkMessages("[b](../README.md) [c](other.md) [d](../docs/)")).toEqual([]);
  });

  it("is refused where it leads to no heading", () => {
    expect(linkMessages("[b](other.md#other-things) [c](other.md#same-1)")).toEqual([]);
    expect(linkMessages("[b](other.md#a--b-twice)")).toEqual([]);
    expect(linkMessages("[b](other.md#gone)")).toEqual([
      "1 other.md#gone leads to no heading of docs/other.md",
    ]);
    expect(linkMessages("# Here\n[b](#there)")).toEqual([
      "2 #there leads to no heading of docs/guide.md",
    ]);
  });

  it("is not looked at where it leads out of the repository, or is code", () => {
    expect(linkMessages("[b](https://example.org/gone.md)")).toEqual([]);
    expect(linkMessages("```\n[b](gone.md)\n```\n`[b](gone.md)`")).toEqual([]);
  });
});

test("a test that a document names stands in the file that it links", () => {
  const named = (name: string): string[] => {
    const tree = new Map([
      ["docs/guide.md", `x\n| [a](../src/a.spec.ts): "${name}" |`],
      ["src/a.spec.ts", 'test("it holds")'],
    ]);
    return checkTestNames(tree).map(({ line, message }) => `${line} ${message}`);
  };

  expect(named("it holds")).toEqual([]);
  expect(named("it breaks")).toEqual(['2 src/a.spec.ts has no test "it breaks"']);
});

describe("the number of a rule", () => {
  const numbers = (code: string, invariants: string): number[] => {
    const path = "packages/fsm/src/a.ts";
    const tree = new Map([
      [path, code],
      [INVARIANTS_PATH, invariants],
    ]);
    return checkRuleNumbers(tree).map(({ line }) => line);
  };

  it("is refused in an assertion where the invariants do not have it", () => {
    const code = '\nassert(term > 0, "E3: a term never falls");';

    expect(numbers(code, "- **E3** A term never falls.\n")).toEqual([]);
    expect(numbers(code, "| E3 | A term never falls. |\n")).toEqual([]);
    expect(numbers(code, "- **E31** Another one, which is like E3.\n")).toEqual([2]);
    expect(numbers(`assert(a, \`E3: a term never falls: \${a}\`);`, "")).toEqual([1]);
  });

  it("is not looked for elsewhere in a text", () => {
    expect(numbers('assert(a, "a candidate (see E3:)"); f("E3: x");', "")).toEqual([]);
  });

  it("cannot be checked without the invariants", () => {
    expect(checkRuleNumbers(new Map())).toHaveLength(1);
  });
});
