// SPDX-License-Identifier: Apache-2.0
/** Every rule that a run is held to. What each says stands in docs/invariants.md, and O1 to O8 with them. */

import type { Violation } from "../world/observation.ts";
import { asserted } from "./asserted.ts";
import { workNeverOverlaps } from "./c1-work-never-overlaps.ts";
import { oneBeliever } from "./c3-one-believer.ts";
import { namesOnce } from "./e02-names-once.ts";
import { terms } from "./e03-terms.ts";
import { revisions } from "./e05-revisions.ts";
import { candidatesLive } from "./e07-candidates-live.ts";
import { atMostOnce } from "./e09-at-most-once.ts";
import { membersOnce } from "./e18-members-once.ts";
import { oneLeaderPerTerm } from "./o1-one-leader-per-term.ts";
import { noEarlyGrant } from "./o2-no-early-grant.ts";
import { fencedRegister } from "./o3-fenced-register.ts";
import { watches } from "./o4-watches.ts";
import { acknowledgedSurvives } from "./o5-acknowledged-survives.ts";
import { replicasAgree } from "./o7-replicas-agree.ts";
import { liveness } from "./o8-liveness.ts";
import { oneLeaderPerRaftTerm } from "./r01-one-leader-per-raft-term.ts";
import { leaderAppendsOnly } from "./r02-leader-appends-only.ts";
import { leaderHasWhatWasCommitted } from "./r04-leader-has-what-was-committed.ts";
import { appliedInOrder } from "./r05-applied-in-order.ts";
import { indicesInOrder } from "./r06-indices-in-order.ts";
import { logsAgree } from "./r11-logs-agree.ts";
import { durableStays } from "./r12-durable-stays.ts";
import { appliedIsDurable } from "./r13-applied-is-durable.ts";
import { majorities } from "./r15-majorities.ts";
import { snapshotsFit } from "./r17-snapshots-fit.ts";
import type { Rule } from "./rule.ts";
import { oneProcess } from "./s10-one-process.ts";
import { Story, type StoryRule } from "./story.ts";
import { validPartitions } from "./valid-partitions.ts";

/** What rests on nothing but the log, the disks and the network. */
const TIMELESS: readonly Rule[] = [
  asserted,
  ofOneCluster(oneLeaderPerRaftTerm),
  leaderAppendsOnly,
  ofOneCluster(leaderHasWhatWasCommitted),
  appliedInOrder,
  indicesInOrder,
  ofOneCluster(logsAgree),
  durableStays,
  ofOneCluster(appliedIsDurable),
  majorities,
  ofOneCluster(snapshotsFit),
  oneProcess,
  validPartitions,
  membersOnce,
  workNeverOverlaps,
  fencedRegister,
  ofOneCluster(acknowledgedSurvives),
];

const TIMELESS_STORY: readonly StoryRule[] = [
  namesOnce,
  terms,
  revisions,
  candidatesLive,
  atMostOnce,
  oneLeaderPerTerm,
  watches,
  replicasAgree,
];

/** All of them. For runs in which clocks keep to the promise of semantics A2. */
export const RULES: readonly Rule[] = [
  ...TIMELESS,
  liveness,
  told([...TIMELESS_STORY, noEarlyGrant, oneBeliever]),
];

/** For runs beyond that promise: clocks that drift apart, ends of connections that only servers see. */
export const RULES_OF_ANY_TIME: readonly Rule[] = [...TIMELESS, told(TIMELESS_STORY)];

/** What clients can see broken, without a look inside servers: for real processes. */
export const CLIENT_RULES: readonly Rule[] = [
  asserted,
  workNeverOverlaps,
  fencedRegister,
  told([oneLeaderPerTerm, watches]),
];

/** A rule about logs, which in another cluster are other ones: it judges each cluster by itself. */
function ofOneCluster(rule: Rule): Rule {
  return {
    id: rule.id,
    begin: () => {
      let check = rule.begin();
      return {
        observe(seen, nowMs) {
          if (seen.kind === "another-cluster") check = rule.begin();
          return check.observe?.(seen, nowMs);
        },
        ...(check.step === undefined ? {} : { step: (view) => check.step?.(view) }),
        end: (view) => check.end?.(view),
      };
    },
  };
}

/** Rules that judge by one story: it is put together once for all of them. */
export function told(rules: readonly StoryRule[]): Rule {
  return {
    id: rules.map(({ id }) => id).join(),
    begin: () => {
      const story = new Story();
      const checks = rules.map((rule) => rule.begin(story));
      const first = (
        look: (check: (typeof checks)[number]) => Violation | undefined,
      ): Violation | undefined => {
        for (const check of checks) {
          const found = look(check);
          if (found !== undefined) return found;
        }
        return undefined;
      };
      return {
        observe(seen, nowMs) {
          const chapters = story.observe(seen);
          if (seen.kind === "another-cluster") return first((check) => check.another?.());
          for (const chapter of chapters) {
            const found = first((check) => check.chapter?.(chapter, nowMs));
            if (found !== undefined) return found;
          }
          return first((check) => check.observe?.(seen, nowMs));
        },
        step: (view) => first((check) => check.step?.(view)),
        end: (view) => first((check) => check.end?.(view)),
      };
    },
  };
}
