// SPDX-License-Identifier: Apache-2.0
/**
 * For checks that look at every process: they are made after some steps only, always the same ones, so
 * that a seed replays. What they look for does not go away between two of them.
 */

import type { Violation } from "../world/observation.ts";
import type { WorldView } from "../world/world-view.ts";

type Look = (view: WorldView) => Violation | undefined;

/** @param every after how many steps. Default 16. */
export function sampled(look: Look, every = 16): Look {
  let steps = 0;
  return (view) => {
    steps += 1;
    return steps % every === 0 ? look(view) : undefined;
  };
}
