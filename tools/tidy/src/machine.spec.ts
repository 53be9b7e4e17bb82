// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { checkMachine } from "./machine.ts";

function refusals(path: string, text: string): number {
  return checkMachine(new Map([[path, text]])).length;
}

const PURE = "packages/fsm/src/a.ts";

describe("the machine's clock, chance and timers", () => {
  it.each([
    "const now = Date.now();",
    "const now = new Date();",
    "const n = Math.random();",
    'const n = Math["random"]();',
    "const { random } = Math;",
    "setTimeout(f, 1);",
    "const schedule = setInterval;",
    "const shell = { setImmediate };",
    "performance.now();",
    "const id = crypto.randomUUID();",
    "if (process.env.DEBUG) f();",
    "globalThis.crypto.randomUUID();",
  ])("are refused in pure code: %s", (text) => {
    expect(refusals(PURE, text)).toBe(1);
  });

  it.each([
    'const text = "Date.now()"; // setTimeout',
    "clock.setTimeout(f, 1);",
    "interface Clock { setTimeout(f: () => void): void; Date: string }",
    "const largest = Math.max(1, 2);",
    "function f(process: () => void) { process(); }",
    "const message = { Date: 1 };",
  ])("are not seen where only the word is the same: %s", (text) => {
    expect(refusals(PURE, text)).toBe(0);
  });

  it("are allowed in the folders of Node and of the browser, and in specs", () => {
    const text = "setTimeout(f, Date.now());";

    expect(refusals("packages/server/src/node/a.ts", text)).toBe(0);
    expect(refusals("packages/client/src/node.ts", text)).toBe(0);
    expect(refusals("packages/client/src/web.ts", text)).toBe(0);
    expect(refusals("apps/cli/src/a.ts", text)).toBe(0);
    expect(refusals("packages/fsm/src/a.spec.ts", text)).toBe(0);
    expect(refusals("packages/client/src/session.ts", text)).toBe(2);
  });
});
