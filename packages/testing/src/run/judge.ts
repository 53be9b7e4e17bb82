// SPDX-License-Identifier: Apache-2.0
/** Shows a run to all rules and keeps the first that was broken. */

import type { Rule, RuleCheck } from "../invariants/rule.ts";
import type { Violation } from "../world/observation.ts";
import type { World } from "../world/world.ts";

export class Judge {
  violation: Violation | undefined;
  atMs = 0;
  readonly #world: World;
  readonly #checks: readonly RuleCheck[];

  constructor(world: World, rules: readonly Rule[]) {
    this.#world = world;
    this.#checks = rules.map((rule) => rule.begin());
    const stepped = this.#checks.filter(({ step }) => step !== undefined);
    const observing = this.#checks.filter(({ observe }) => observe !== undefined);
    world.onObservation((observation, nowMs) => {
      for (const check of observing) this.say(check.observe?.(observation, nowMs));
    });
    world.onStep((view) => {
      for (const check of stepped) this.say(check.step?.(view));
    });
  }

  /** At the end of the run, when all has healed. */
  conclude(): void {
    const view = this.#world.view();
    for (const check of this.#checks) this.say(check.end?.(view));
  }

  say(violation: Violation | undefined): void {
    if (violation === undefined || this.violation !== undefined) return;
    this.violation = violation;
    this.atMs = this.#world.timeMs;
  }
}
