// SPDX-License-Identifier: Apache-2.0
/**
 * O7: replicas that have applied the same have the same state, byte for byte, and so has the log when it
 * is applied once more beside them.
 */

import { stateHash } from "@conclave/fsm";
import type { Violation } from "../world/observation.ts";
import type { WorldView } from "../world/world-view.ts";
import { broken, lifeText } from "./broken.ts";
import { sampled } from "./sampling.ts";
import type { Story, StoryRule } from "./story.ts";

/** To hash a state costs as much as to save it. */
const EVERY_STEPS = 512;

export const replicasAgree: StoryRule = {
  id: "O7",
  begin: (story) => {
    let suspect: Violation | undefined;
    const look = (view: WorldView): Violation | undefined => {
      for (let group = 1; group <= view.partitionCount; group++) {
        const found = disagreement(view, story, group);
        if (found !== undefined) return found;
      }
      return undefined;
    };
    return {
      step: sampled((view) => {
        // A state that is just being put in another's place is not yet of the index that is shown.
        const before = suspect;
        suspect = look(view);
        return before === undefined ? undefined : suspect;
      }, EVERY_STEPS),
      end: look,
    };
  },
};

function disagreement(view: WorldView, story: Story, group: number): Violation | undefined {
  const hashes = new Map<number, { readonly hash: bigint; readonly who: string }>();
  const told = story.partitions.get(group);
  if (told !== undefined) {
    hashes.set(told.lastIndex, { hash: stateHash(told.state), who: "the log" });
  }
  for (const { life, groups, replicas } of view.servers) {
    const status = groups[group - 1]?.status();
    if (status === undefined || replicas === undefined) continue;
    const { appliedIndex } = status;
    const hash = stateHash(replicas.partition(group).state);
    const who = lifeText(life);
    const other = hashes.get(appliedIndex) ?? { hash, who };
    hashes.set(appliedIndex, other);
    if (other.hash === hash) continue;
    const both = `${who} has ${hash}, ${other.who} ${other.hash}`;
    return broken("O7", `partition ${group} after entry ${appliedIndex}: ${both}`);
  }
  return undefined;
}
