// SPDX-License-Identifier: Apache-2.0
/**
 * O7: replicas that have applied the same have the same state, byte for byte, and so has the log when it
 * is applied once more beside them.
 *
 * What a save forgets its hash forgets too, and a replica that was restored from it would pass. So how
 * much there is of everything is counted beside it.
 */

import { type PartitionState, stateHash } from "@conclave/fsm";
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
  const hashes = new Map<number, { readonly face: string; readonly who: string }>();
  const told = story.partitions.get(group);
  if (told !== undefined) {
    hashes.set(told.lastIndex, { face: faceOf(told.state), who: "the log" });
  }
  for (const { life, groups, replicas } of view.servers) {
    const status = groups[group - 1]?.status();
    if (status === undefined || replicas === undefined) continue;
    const { appliedIndex } = status;
    const face = faceOf(replicas.partition(group).state);
    const who = lifeText(life);
    const other = hashes.get(appliedIndex) ?? { face, who };
    hashes.set(appliedIndex, other);
    if (other.face === face) continue;
    const both = `${who} has ${face}, ${other.who} ${other.face}`;
    return broken("O7", `partition ${group} after entry ${appliedIndex}: ${both}`);
  }
  return undefined;
}

function faceOf(state: PartitionState): string {
  const { elections, tombstones, sessions, endedSessions, requestReplies } = state;
  const counts = [elections, tombstones, sessions, endedSessions, requestReplies].map(
    ({ size }) => size,
  );
  let replies = 0;
  for (const { answers } of sessions.values()) replies += answers.replies.size;
  return `${stateHash(state)} with ${counts},${replies}`;
}
