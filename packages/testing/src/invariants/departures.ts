// SPDX-License-Identifier: Apache-2.0
/**
 * When candidates left without an operation that says so, for the judge of histories: their sessions
 * ended, or their clients withdrew them behind the scenes. Known to the instant, because the log is.
 *
 * Whether a session may end then is O2's concern.
 */

import type { MayLeave } from "../history/operation.ts";
import type { Observation } from "../world/observation.ts";
import { Story } from "./story.ts";

const UNASKED: ReadonlySet<string> = new Set(["expired", "disconnected", "withdrawn", "resigned"]);

export class Departures {
  readonly mayLeave: MayLeave[] = [];
  readonly #story = new Story();

  /** @param nowNs on the clock of the history. */
  observe(seen: Observation, nowNs: bigint): void {
    for (const { turns } of this.#story.observe(seen)) {
      for (const { election, change } of turns) {
        if (!UNASKED.has(change.cause)) continue;
        for (const { candidate } of change.left) {
          const when = { fromNs: nowNs, untilNs: nowNs };
          this.mayLeave.push({ election, candidate: candidate.name, client: undefined, ...when });
        }
      }
    }
  }
}
