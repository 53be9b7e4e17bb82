// SPDX-License-Identifier: Apache-2.0
/** Hands the leaderships of a node that stops to others, so that no client waits for an election. */

import type { Clock } from "@conclave/base";
import { type Group, type GroupStatus, nodeOf } from "@conclave/raft";

/** How long the others may take; what is still led then is lost to an election timeout. */
const PATIENCE_MS = 1_000;
const LOOK_EVERY_MS = 10;

/** What is asked of a Raft group. */
interface LedGroup extends Pick<Group, "role" | "transfer"> {
  status(): Pick<GroupStatus, "peers">;
}

/** Resolves when nothing is led here that another could lead, or after a second. */
export async function handOverLeaderships(
  groups: readonly LedGroup[],
  clock: Clock,
): Promise<void> {
  const endMs = clock.monotonicMs() + PATIENCE_MS;
  let asked = 0;
  for (const group of groups) {
    const heirs = heirsOf(group);
    // In turns, so that one node does not get all of them.
    const heir = heirs[asked % Math.max(1, heirs.length)];
    if (heir === undefined) continue;
    asked++;
    group.transfer(heir);
  }
  while (groups.some((group) => heirsOf(group).length > 0) && clock.monotonicMs() < endMs) {
    await new Promise<void>((resolve) => void clock.setTimer(LOOK_EVERY_MS, resolve));
  }
}

/** The nodes of the voters that could lead: those that keep up, or else who is heard of at all. */
function heirsOf(group: LedGroup): readonly number[] {
  if (group.role.kind !== "leader") return [];
  const heard = group.status().peers.filter(({ isActive, isLearner }) => isActive && !isLearner);
  const level = heard.filter(({ state }) => state === "replicate");
  return (level.length > 0 ? level : heard).map(({ replica }) => nodeOf(replica));
}
