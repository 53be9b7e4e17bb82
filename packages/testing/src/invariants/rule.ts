// SPDX-License-Identifier: Apache-2.0
/** What a rule is to the harness: something that sees a run go by and says when it is broken. Types only. */

import type { Observation, Violation } from "../world/observation.ts";
import type { WorldView } from "../world/world-view.ts";

export interface Rule {
  /** Its number in docs/invariants.md, or O1 to O8. */
  readonly id: string;
  /** For one run. */
  begin(): RuleCheck;
}

/** Each may be left out; each returns what is broken, once it is. */
export interface RuleCheck {
  observe?(observation: Observation, nowMs: number): Violation | undefined;
  /** After every step of virtual time. Must be cheap: what it costs, every step of every seed pays. */
  step?(view: WorldView): Violation | undefined;
  /** After all faults have healed and the liveness phase is over. */
  end?(view: WorldView): Violation | undefined;
}
