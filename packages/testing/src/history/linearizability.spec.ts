// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { judgeHistory } from "./linearizability.ts";
import { randomHistory } from "./spec/random-history.ts";

test("what really happened is found to be linearizable, with lost answers and silent ends", () => {
  for (let seed = 1n; seed <= 150n; seed++) {
    const { history } = randomHistory(seed, {
      candidates: 4,
      operators: 3,
      operations: 100,
      lostPercent: 10,
    });
    const t = Date.now();
    const verdict = judgeHistory(history);
    if (Date.now() - t > 300) console.log("slow", seed, Date.now() - t, verdict.kind);
    expect(verdict, `seed ${seed}`).toEqual({ kind: "linearizable" });
  }
});
