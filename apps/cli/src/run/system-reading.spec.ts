// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { readClocks } from "./system-reading.ts";

/** Linux counts the time since boot in hundredths of a second. */
const UPTIME_STEP_MS = 10;

test("two processes read the same clocks, or a deadline would mean something else in each", () => {
  const before = readClocks();
  const there = readClocksElsewhere();
  const after = readClocks();

  expect(there.monotonicMs).toBeGreaterThan(before.monotonicMs);
  expect(there.monotonicMs).toBeLessThan(after.monotonicMs);
  expect(there.uptimeMs).toBeGreaterThanOrEqual(before.uptimeMs - UPTIME_STEP_MS);
  expect(there.uptimeMs).toBeLessThanOrEqual(after.uptimeMs + UPTIME_STEP_MS);
});

function readClocksElsewhere(): { readonly monotonicMs: number; readonly uptimeMs: number } {
  const program = `
    const monotonicMs = Number(process.hrtime.bigint()) / 1e6;
    const uptimeMs = process.platform === "linux" ? os.uptime() * 1000 : monotonicMs;
    console.log(JSON.stringify({ monotonicMs, uptimeMs }));`;
  return JSON.parse(execFileSync(process.execPath, ["-e", program], { encoding: "utf8" }));
}
