// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { runSteps } from "./steps.mjs";

/** A step that ends when the test says so, and that says when it begins. */
function heldStep(/** @type {string[]} */ begun, /** @type {string} */ name, more = {}) {
  /** @type {(code: number) => void} */
  let end = () => {};
  /** @type {Promise<number>} */
  const ended = new Promise((resolve) => {
    end = resolve;
  });
  const run = async () => {
    begun.push(name);
    return { code: await ended, output: `output of ${name}` };
  };
  return { step: { name, after: [], run, ...more }, end };
}

/** Lets everything happen that waits for nothing from outside. */
async function settle() {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

describe("the steps of a verification", () => {
  it("run two at a time, and no more", async () => {
    /** @type {string[]} */
    const begun = [];
    const steps = ["a", "b", "c"].map((name) => heldStep(begun, name));

    const failed = runSteps(
      steps.map(({ step }) => step),
      () => {},
    );
    await settle();
    expect(begun).toEqual(["a", "b"]);
    steps[1]?.end(0);
    await settle();
    expect(begun).toEqual(["a", "b", "c"]);

    for (const { end } of steps) end(0);
    expect(await failed).toEqual([]);
  });

  it("wait for what they need, and one that runs alone waits for all", async () => {
    /** @type {string[]} */
    const begun = [];
    const build = heldStep(begun, "build");
    const tests = heldStep(begun, "tests", { after: ["build"], alone: true });
    const lint = heldStep(begun, "lint");

    const failed = runSteps([build.step, tests.step, lint.step], () => {});
    build.end(0);
    await settle();
    expect(begun).toEqual(["build", "lint"]);
    lint.end(0);
    await settle();
    expect(begun).toEqual(["build", "lint", "tests"]);

    tests.end(0);
    expect(await failed).toEqual([]);
  });

  it("fail unrun when what they need has failed, and only failures show their output", async () => {
    /** @type {string[]} */
    const begun = [];
    /** @type {string[]} */
    const lines = [];
    const lint = heldStep(begun, "lint");
    const build = heldStep(begun, "build");
    const pack = heldStep(begun, "pack", { after: ["build"] });
    lint.end(0);
    build.end(1);

    const failed = await runSteps([lint.step, build.step, pack.step], (line) => lines.push(line));

    expect(failed).toEqual(["build", "pack"]);
    expect(begun).toEqual(["lint", "build"]);
    expect(lines.map((line) => line.replace(/ +\d+\.\d s/, ""))).toEqual([
      "lint            ok",
      "build           FAILED\noutput of build",
      "pack            FAILED\nnot run: build failed before it",
    ]);
  });
});
