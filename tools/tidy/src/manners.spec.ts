// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { checkFocus, checkLicence, checkNames, checkSyntax, checkWords } from "./manners.ts";
import type { Rule } from "./tree.ts";

const PATH = "packages/fsm/src/a.ts";
const SPEC = "packages/fsm/src/a.spec.ts";

function lines(rule: Rule, path: string, text: string): number[] {
  return rule(new Map([[path, text]])).map(({ line }) => line);
}

describe("the licence", () => {
  it("is missed in a source that does not begin with it", () => {
    expect(lines(checkLicence, PATH, "// SPDX-License-Identifier: Apache-2.0\n")).toEqual([]);
    expect(lines(checkLicence, PATH, "// SPDX-License-Identifier: MIT\n")).toEqual([1]);
    expect(lines(checkLicence, PATH, "export {};\n")).toEqual([1]);
  });

  it("may follow the line that names the interpreter", () => {
    const text = "#!/usr/bin/env node\n// SPDX-License-Identifier: Apache-2.0\n";

    expect(lines(checkLicence, "apps/cli/bin/conclave.js", text)).toEqual([]);
  });
});

describe("a name", () => {
  it("is refused where it says nothing, in a file or a folder", () => {
    expect(lines(checkNames, "packages/fsm/src/queue.ts", "")).toEqual([]);
    expect(lines(checkNames, "packages/fsm/src/utils.ts", "")).toEqual([1]);
    expect(lines(checkNames, "packages/fsm/src/session-manager.ts", "")).toEqual([1]);
    expect(lines(checkNames, "packages/common/src/queue.ts", "")).toEqual([1]);
  });

  it("is kebab-case in a source", () => {
    expect(lines(checkNames, "packages/fsm/src/queueIndex.ts", "")).toEqual([1]);
    expect(lines(checkNames, "packages/fsm/src/queue_index.ts", "")).toEqual([1]);
    expect(lines(checkNames, "README.md", "")).toEqual([]);
  });
});

describe("words", () => {
  it.each(["FIX" + "ME", "XX" + "X", "@ts-" + "ignore", "@ts-" + "nocheck"])(
    "that leave an end open are refused: %s",
    (word) => {
      expect(lines(checkWords, PATH, `a;\n// ${word} later\n`)).toEqual([2]);
      expect(lines(checkWords, "docs/a.md", `the word ${word}\n`)).toEqual([]);
    },
  );

  it.each(["../" + "shared/design.md", "/wo" + "rk/main", "see .lib" + "rary/search"])(
    "that name a path of one machine are refused in every file: %s",
    (word) => {
      expect(lines(checkWords, "docs/a.md", `text\nin ${word}\n`)).toEqual([2]);
    },
  );

  it("that only resemble such a path are not refused", () => {
    expect(lines(checkWords, "docs/a.md", "at home/work/main and ../shares\n")).toEqual([]);
  });
});

describe("syntax", () => {
  it.each(["const a = b as any;", "const a = <any>b;", 'export * from "./b.ts";'])(
    "that hides something is refused: %s",
    (text) => {
      expect(lines(checkSyntax, PATH, text)).toEqual([1]);
    },
  );

  it("exports by name, but for a tool that wants a default", () => {
    expect(lines(checkSyntax, PATH, "export default 1;")).toEqual([1]);
    expect(lines(checkSyntax, PATH, "export default function f() {}")).toEqual([1]);
    expect(lines(checkSyntax, "vitest.config.ts", "export default {};")).toEqual([]);
    expect(lines(checkSyntax, PATH, 'export { a } from "./a.ts";')).toEqual([]);
  });
});

describe("a test", () => {
  it("may not run alone", () => {
    expect(lines(checkFocus, SPEC, 'it.only("a", () => {});')).toEqual([1]);
    expect(lines(checkFocus, SPEC, 'describe.only.each([1])("a", () => {});')).toEqual([1]);
    expect(lines(checkFocus, SPEC, 'const o = { only: 1 }; o.only; it("a", f);')).toEqual([]);
  });

  it.each(['it.skip("a", f);', 'test.todo("a");', 'describe.skipIf(c)("a", f);', "ctx.skip();"])(
    "is not left out without a reason: %s",
    (text) => {
      expect(lines(checkFocus, SPEC, `\n${text}`)).toEqual([2]);
      expect(lines(checkFocus, SPEC, `// There is no browser here.\n${text}`)).toEqual([]);
    },
  );

  it("may give its reason to its context", () => {
    expect(lines(checkFocus, SPEC, '\nctx.skip("no browser here");')).toEqual([]);
  });
});
