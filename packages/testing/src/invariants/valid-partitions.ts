// SPDX-License-Identifier: Apache-2.0
/**
 * E1 to E16 between two entries: the state machine's own check of a whole state, which it makes of every
 * snapshot and never in its stride, made of every replica now and then and in the end.
 */

import { AssertionError } from "@conclave/base";
import { assertPartitionValid } from "@conclave/fsm";
import type { Violation } from "../world/observation.ts";
import type { WorldView } from "../world/world-view.ts";
import { broken, lifeText } from "./broken.ts";
import type { Rule } from "./rule.ts";
import { sampled } from "./sampling.ts";

const EVERY_STEPS = 512;

export const validPartitions: Rule = {
  id: "E1",
  begin: () => ({ step: sampled(look, EVERY_STEPS), end: look }),
};

function look({ servers }: WorldView): Violation | undefined {
  for (const { life, replicas } of servers) {
    for (const { number, state } of replicas?.partitions ?? []) {
      try {
        assertPartitionValid(state);
      } catch (error) {
        if (!(error instanceof AssertionError)) throw error;
        const rule = /^(E\d+):/.exec(error.message)?.[1] ?? "?";
        return broken(rule, `${lifeText(life)}, partition ${number}: ${error.message}`);
      }
    }
  }
  return undefined;
}
