// SPDX-License-Identifier: Apache-2.0
/** Runs of terms against a plain list of them. */

import { createPrng } from "@conclave/base";
import { expect, test } from "vitest";
import { LogTerms } from "./log-terms.ts";

test("runs of terms answer as a list of terms would, through appends and compactions", () => {
  const prng = createPrng(21n);
  for (let round = 0; round < 500; round++) {
    const log = new LogTerms({ index: 3, raftTerm: 2 });
    const terms = new Map([[3, 2]]);
    let [base, last, term] = [3, 3, 2];
    for (let i = 0; i < 30; i++) {
      if (prng.chance(1, 4)) term += 1 + prng.below(3);
      if (prng.chance(1, 6)) {
        base += prng.below(last - base + 1);
        log.compactTo(base);
      } else {
        last += 1;
        terms.set(last, term);
        expect(log.append(term)).toBe(last);
      }
      for (let index = base; index <= last; index++) {
        if (log.raftTermAt(index) !== terms.get(index)) expect({ round, index }).toBe("equal");
      }
      expect(log.base).toEqual({ index: base, raftTerm: terms.get(base) });
      expect(log.last).toEqual({ index: last, raftTerm: terms.get(last) });
    }
  }
});

test("an entry of an earlier term than the last one is a bug", () => {
  const log = new LogTerms({ index: 0, raftTerm: 4 });

  expect(() => log.append(3)).toThrow(/R3/);
});
