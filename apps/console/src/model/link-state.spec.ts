// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { linkStateOf } from "./link-state.ts";

const CONNECTING = { kind: "connecting", failure: undefined } as const;

describe("linkStateOf", () => {
  it("is live only where every watch is", () => {
    expect(linkStateOf([true, true], CONNECTING, 5)).toEqual({ kind: "live" });
    expect(linkStateOf([true, false], { kind: "live" }, 5)).toEqual({ kind: "stale", sinceMs: 5 });
  });

  it("keeps the time at which the first watch ceased to be live until all are again", () => {
    const stale = linkStateOf([false, true], { kind: "live" }, 5);
    expect(linkStateOf([false, false], stale, 9)).toBe(stale);
    expect(linkStateOf([true, false], stale, 12)).toBe(stale);
    expect(linkStateOf([true, true], stale, 15)).toEqual({ kind: "live" });
  });
});
