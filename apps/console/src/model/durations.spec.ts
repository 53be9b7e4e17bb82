// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { durationText } from "./durations.ts";

describe("durationText", () => {
  it("names the two largest units, and leaves out one that is nothing", () => {
    expect(durationText(8_900)).toBe("8 s");
    expect(durationText(60_000)).toBe("1 min");
    expect(durationText(200_000)).toBe("3 min 20 s");
    expect(durationText(2 * 3_600_000 + 5 * 60_000 + 59_000)).toBe("2 h 5 min");
    expect(durationText(97 * 3_600_000)).toBe("4 d 1 h");
  });

  it("is nothing for what is to come, since clocks differ", () => {
    expect(durationText(-4_000)).toBe("0 s");
  });
});
