// SPDX-License-Identifier: Apache-2.0
/** The traps: each one is walked into. */

import nodeCrypto, { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Entropy, trapEntropy } from "./entropy.ts";

let entropy: Entropy;

beforeEach(() => {
  entropy = trapEntropy();
});

afterEach(() => {
  entropy.release();
});

const WAYS_OUT: readonly (readonly [string, () => unknown])[] = [
  ["Date.now", () => Date.now()],
  ["new Date()", () => new Date()],
  ["new Date()", () => new (new Date(0).constructor as DateConstructor)()],
  ["Date()", () => Date()],
  ["performance.now", () => performance.now()],
  ["process.hrtime", () => process.hrtime()],
  ["process.hrtime.bigint", () => process.hrtime.bigint()],
  ["process.uptime", () => process.uptime()],
  ["setTimeout", () => setTimeout(() => {}, 0)],
  ["setInterval", () => setInterval(() => {}, 1_000)],
  ["setImmediate", () => setImmediate(() => {})],
  ["timers/promises setTimeout", () => wait(0)],
  ["AbortSignal.timeout", () => AbortSignal.timeout(1)],
  ["Math.random", () => Math.random()],
  ["crypto.randomUUID", () => crypto.randomUUID()],
  ["crypto.getRandomValues", () => crypto.getRandomValues(new Uint8Array(1))],
  ["crypto.randomUUID", () => randomUUID()],
  ["crypto.randomBytes", () => nodeCrypto.randomBytes(1)],
  ["crypto.randomInt", () => nodeCrypto.randomInt(5)],
  ["crypto.randomFillSync", () => nodeCrypto.randomFillSync(new Uint8Array(1))],
  ["new WeakRef", () => new WeakRef({})],
  ["new FinalizationRegistry", () => new FinalizationRegistry(() => {})],
];

test.each(WAYS_OUT)("%s is refused while a world runs, and its caller named", async (name, use) => {
  const world = entropy.shutOut(async () => {
    use();
  });

  await expect(world).rejects.toThrow(`${name} was used by `);
  await expect(world).rejects.toThrow("entropy.spec.ts");
});

test("a use that the world itself swallows still fails its run", async () => {
  const world = entropy.shutOut(async () => {
    try {
      Math.random();
    } catch {
      return "held";
    }
    return "held";
  });

  await expect(world).rejects.toThrow("Math.random was used by ");
});

test("a use after an await is seen as well", async () => {
  const world = entropy.shutOut(async () => {
    await entropy.turn();
    return performance.now();
  });

  await expect(world).rejects.toThrow("performance.now was used by ");
});

test("a time that is given needs no clock", async () => {
  const text = await entropy.shutOut(async () => new Date(0).toISOString());

  expect(text).toBe("1970-01-01T00:00:00.000Z");
});

test("between two worlds, and once released, the machine's own are in use again", async () => {
  const original = setTimeout;
  await entropy.shutOut(async () => {});

  expect(Date.now()).toBeGreaterThan(0);
  expect(new Date()).toBeInstanceOf(Date);
  entropy.release();
  expect(setTimeout).not.toBe(original);
});
