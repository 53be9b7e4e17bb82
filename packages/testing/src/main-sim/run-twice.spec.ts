// SPDX-License-Identifier: Apache-2.0
/** Whole worlds with the machine's time and chance shut out: nothing else is left that could differ. */

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Machine } from "../run/outcome.ts";
import { type Entropy, trapEntropy } from "./entropy.ts";

let entropy: Entropy;
let machine: Machine;

beforeAll(() => {
  entropy = trapEntropy();
  machine = { drain: entropy.turn, onUncaught: () => () => {} };
});

afterAll(() => {
  entropy.release();
});

test("one seed run twice leaves the same trace to the byte, and another seed another one", async () => {
  const { runSeed } = await import("../run/run-plan.ts");
  const traceOf = async (seed: bigint): Promise<string> =>
    (await entropy.shutOut(() => runSeed(seed, machine))).trace.join("\n");

  const first = await traceOf(1n);
  const other = await traceOf(2n);
  const again = await traceOf(1n);

  expect(first.split("\n").length).toBeGreaterThan(100);
  expect(again).toBe(first);
  expect(other).not.toBe(first);
});
