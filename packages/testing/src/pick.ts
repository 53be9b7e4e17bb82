// SPDX-License-Identifier: Apache-2.0
/** One of several, by seeded chance. */

import { assert, type Prng } from "@conclave/base";

export function pick<T>(prng: Prng, choices: readonly T[]): T {
  assert(choices.length > 0, "there is something to pick from");
  return choices[prng.below(choices.length)] as T;
}
