// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { checkLengths, lowerRatchet, RATCHET_PATH } from "./lengths.ts";

const PATH = "packages/fsm/src/a.ts";
const linesOf = (count: number): string => "x;\n".repeat(count);
/** A function that has `count` lines from its head to its brace. */
const functionOf = (count: number): string => `function f() {\n${linesOf(count - 2)}}\n`;

function messages(files: Record<string, string>): string[] {
  return checkLengths(new Map(Object.entries(files))).map(({ message }) => message);
}

describe("a length", () => {
  it("is refused from one line over the limit on", () => {
    expect(messages({ [PATH]: linesOf(400) })).toEqual([]);
    expect(messages({ [PATH]: linesOf(401) })).toEqual([`${PATH} has 401 lines, allowed: 400`]);
    expect(messages({ [PATH]: functionOf(70) })).toEqual([]);
    expect(messages({ [PATH]: functionOf(71) })).toEqual([`${PATH}#f has 71 lines, allowed: 70`]);
  });

  it("is counted for methods, and for arrows by the name they are given to", () => {
    const method = `class A {\nm() {\n${linesOf(69)}}\n}\n`;
    const arrow = `const g = () => {\n${linesOf(69)}};\n`;

    expect(messages({ [PATH]: method })).toEqual([`${PATH}#m has 71 lines, allowed: 70`]);
    expect(messages({ [PATH]: arrow })).toEqual([`${PATH}#g has 71 lines, allowed: 70`]);
  });

  it("is limited for the files of specs, and not for their functions", () => {
    const spec = "packages/fsm/src/a.spec.ts";

    expect(messages({ [spec]: functionOf(100) })).toEqual([]);
    expect(messages({ [spec]: linesOf(401) })).toHaveLength(1);
  });

  it("is nothing to generated code and to text", () => {
    expect(messages({ "packages/api/src/gen/a_pb.ts": linesOf(1000) })).toEqual([]);
    expect(messages({ "docs/a.md": linesOf(1000) })).toEqual([]);
  });
});

describe("the ratchet", () => {
  it("lets exactly what is in it be longer", () => {
    expect(messages({ [PATH]: linesOf(450), [RATCHET_PATH]: `450 ${PATH}\n` })).toEqual([]);
    expect(messages({ [PATH]: linesOf(451), [RATCHET_PATH]: `450 ${PATH}\n` })).toEqual([
      `${PATH} has 451 lines, allowed: 450`,
    ]);
  });

  it("fails on an entry that is larger than needed, or needed no more", () => {
    expect(messages({ [PATH]: linesOf(430), [RATCHET_PATH]: `450 ${PATH}` })).toEqual([
      `${PATH}: lower this entry to 430`,
    ]);
    expect(messages({ [PATH]: linesOf(400), [RATCHET_PATH]: `450 ${PATH}` })).toEqual([
      `${PATH}: remove this entry`,
    ]);
  });

  it("is lowered by the fix and never raised, and keeps its comments", () => {
    const other = "packages/fsm/src/b.ts";
    const tree = new Map([
      [PATH, linesOf(430)],
      [other, linesOf(500)],
      [RATCHET_PATH, `# why\n450 ${PATH}\n480 ${other}\n460 packages/fsm/src/gone.ts\n`],
    ]);

    expect(lowerRatchet(tree)).toBe(`# why\n430 ${PATH}\n480 ${other}\n`);
  });
});
