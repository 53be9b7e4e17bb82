// SPDX-License-Identifier: Apache-2.0
/**
 * How random specs run: from one fixed seed, so that a failure is everybody's and not one run's luck.
 * To look further, give another seed; to replay a failure, what its message says. For specs only.
 */

import fc from "fast-check";

export interface Replay {
  readonly seed?: number;
  /** Where in the runs of a seed the smallest failure stands, as fast-check names it. */
  readonly path?: string;
}

export function randomRuns<T>(numRuns: number, replay: Replay = {}): fc.Parameters<T> {
  return { numRuns, seed: 1, ...replay, reporter: failWithReplay };
}

function failWithReplay<T>(details: fc.RunDetails<T>): void {
  if (!details.failed) return;
  const { numRuns, seed, counterexamplePath } = details;
  const replay = `randomRuns(${numRuns}, { seed: ${seed}, path: "${counterexamplePath}" })`;
  throw new Error(`To replay: ${replay}\n${fc.defaultReportMessage(details)}`);
}
