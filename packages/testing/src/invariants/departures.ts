// SPDX-License-Identifier: Apache-2.0
/**
 * What the judge of histories has to know of each cluster that a run has had, the first one first: what
 * its elections began with, and when candidates left without an operation that says so, for the judge of histories: their sessions
 * ended, or their clients withdrew them behind the scenes. Known to the instant, because the log is.
 *
 * Whether a session may end then is O2's concern.
 */

import type { History, MayLeave } from "../history/operation.ts";
import type { Observation } from "../world/observation.ts";
import { Story } from "./story.ts";

const UNASKED: ReadonlySet<string> = new Set(["expired", "disconnected", "withdrawn", "resigned"]);

export class Departures {
  readonly clusters: (Omit<History, "operations"> & { readonly mayLeave: MayLeave[] })[] = [
    { mayLeave: [] },
  ];
  readonly #story = new Story();

  /** @param nowNs on the clock of the history. */
  observe(seen: Observation, nowNs: bigint): void {
    const chapters = this.#story.observe(seen);
    if (seen.kind === "another-cluster") {
      this.clusters.push({ mayLeave: [], beginningOf: this.#story.beginningOf });
    }
    const { mayLeave } = this.clusters.at(-1)!;
    for (const { turns } of chapters) {
      for (const { election, change } of turns) {
        if (!UNASKED.has(change.cause)) continue;
        for (const { candidate } of change.left) {
          const when = { fromNs: nowNs, untilNs: nowNs };
          mayLeave.push({ election, candidate: candidate.name, client: undefined, ...when });
        }
      }
    }
  }
}
