// SPDX-License-Identifier: Apache-2.0
/** Failures as files. */

import { expect, test } from "vitest";
import { decodeReplayFile, encodeReplayFile, seedOf } from "./replay-file.ts";

const FAILURE = {
  seed: 18_446_744_073_709_551_615n,
  faults: [{ kind: "kill", atMs: 1_200, node: 2 }],
  rule: "O1",
  message: "two leaders of orders in term 4",
  found: "9b61051",
  fixed: undefined,
  note: undefined,
};

test("a failure reads back as it was written, the largest seed too", () => {
  expect(decodeReplayFile(encodeReplayFile(FAILURE))).toEqual(FAILURE);
});

test("a file with a seed alone runs the seed's own schedule", () => {
  expect(decodeReplayFile('{"seed":"7"}')).toMatchObject({ seed: 7n, faults: undefined });
});

test("a file without a seed, or with a number of 65 bits, is refused", () => {
  expect(() => decodeReplayFile('{"faults":[]}')).toThrow("seed is no whole number");
  expect(() => decodeReplayFile('{"seed":"18446744073709551616"}')).toThrow("64 bits");
});

test("faults that are no list of objects are refused", () => {
  expect(() => decodeReplayFile('{"seed":"1","faults":{}}')).toThrow("faults is no list");
  expect(() => decodeReplayFile('{"seed":"1","faults":["kill"]}')).toThrow("no object");
});

test("a seed is written in decimal digits only", () => {
  expect(["0", "42", "-1", "1e3", "0x10", ""].map(seedOf)).toEqual([
    0n,
    42n,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
