// SPDX-License-Identifier: Apache-2.0
/** Whether an acknowledgement of S0 need be proposed, against what proposing it does. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { isNewsS0 } from "./acknowledgements.ts";
import type { AcknowledgeS0, DialectOperation } from "./dialect-command.ts";
import type { PartitionState } from "./partition.ts";
import { strictNumbersOf } from "./read.ts";
import { restore } from "./snapshot-decoder.ts";
import { snapshot, stateHash } from "./snapshot-encoder.ts";
import { call, createDriver, type Driver, KEY, open } from "./spec/driver.ts";

const CREATE: DialectOperation = { kind: "create", key: KEY };
const OPERATIONS: readonly DialectOperation[] = [
  CREATE,
  { kind: "close", key: KEY },
  { kind: "events", key: KEY },
  { kind: "enter", key: KEY, candidate: "a" },
  { kind: "withdraw", key: KEY, candidate: "a" },
];

/** Session 1, which has made these calls and acknowledged that. */
function driverOf(operations: readonly DialectOperation[], ...told: AcknowledgeS0[]): Driver {
  const driver = createDriver();
  driver.run({ kind: "open-indexed-session", dialect: "s0", ttlMs: 10_000 });
  for (const [i, operation] of [CREATE, ...operations].entries()) {
    driver.run(call(1n, operation, { kind: "strict", number: i + 1 }));
  }
  driver.run(...told);
  return driver;
}

/** Without the counter and the time, which every entry moves. */
function hashOf(state: PartitionState): string {
  const copy = restore(snapshot(state));
  if (copy.kind !== "restored") throw new Error(copy.detail);
  copy.state.index = 0n;
  copy.state.timeMs = 0;
  return `${stateHash(copy.state)}`;
}

const acknowledging: fc.Arbitrary<AcknowledgeS0> = fc.record({
  kind: fc.constant("acknowledge-s0" as const),
  sessionId: fc.constant(1n),
  number: fc.nat(12),
  streams: fc.uniqueArray(fc.record({ streamId: fc.nat(10), responseId: fc.nat(6) }), {
    selector: ({ streamId }) => streamId,
    maxLength: 4,
  }),
});

test("an acknowledgement is news exactly if it changes the state", () => {
  let newsCount = 0;
  const calls = fc.array(fc.constantFrom(...OPERATIONS), { maxLength: 10 });
  fc.assert(
    fc.property(calls, acknowledging, acknowledging, (operations, earlier, told) => {
      const driver = driverOf(operations, earlier);
      const before = hashOf(driver.state);

      const isNews = isNewsS0(driver.state, told);
      driver.run(told);

      if (isNews) newsCount++;
      expect(isNews).toBe(hashOf(driver.state) !== before);
    }),
    { numRuns: 150 },
  );
  expect(newsCount).toBeGreaterThan(25);
});

test("nothing is news of a session that is not here, or counts in another way", () => {
  const driver = createDriver();
  driver.run(open(1n));
  const told = { kind: "acknowledge-s0", number: 5, streams: [] } as const;

  expect([1n, 2n].map((sessionId) => isNewsS0(driver.state, { ...told, sessionId }))).toEqual([
    false,
    false,
  ]);
});

test("the numbers of an S0 session are told, and of no other", () => {
  const driver = driverOf([CREATE, CREATE]);
  driver.run(open(9n));

  expect(strictNumbersOf(driver.state, 1n)).toEqual({ ttlMs: 10_000, last: 3 });
  expect(strictNumbersOf(driver.state, 9n)).toBeUndefined();
});
