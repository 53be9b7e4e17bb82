// SPDX-License-Identifier: Apache-2.0
/** What a node counts of its partitions, for whoever shows it. Types only. */

import type { Change } from "@conclave/fsm";

/** Calls come from the loop and must not throw. */
export interface NodeObserver {
  /** A quorum round of a partition that this node leads has ended, `tookMs` after it began. */
  roundEnded(tookMs: number, hasPassed: boolean): void;
  /** A renewal that arrived at this node has been confirmed, `tookMs` after it arrived. */
  renewed(tookMs: number): void;
  /** An election has changed, once the replica is level with its leader. */
  changed(change: Change): void;
  /** Commands that arrived at this node have been answered. */
  submitted(outcome: "replied" | "not-applied" | "unknown"): void;
  /** This node's wall clock is too far ahead of its peers' for the log (semantics A1). */
  logTimeClamped(): void;
}
