// SPDX-License-Identifier: Apache-2.0
/**
 * What the host is to do, in the order of the list. What must wait until something is durable stands
 * inside the effect that makes it so; sends to other members join these unions with them.
 */

import type { Role } from "../group.ts";
import type { HardState, LogEntry } from "../log/entry.ts";
import type { PersistedEvent, ProposalRefusal } from "./event.ts";

export type Effect =
  /** Make all of this durable, in the order of these effects, and only then step `thenStep`. */
  | {
      readonly kind: "persist";
      readonly hardState: HardState | undefined;
      readonly entries: readonly LogEntry[];
      readonly thenStep: readonly PersistedEvent[];
    }
  /** Give the state machine all entries up to `to`, then step `applied`. */
  | { readonly kind: "apply"; readonly to: number }
  | { readonly kind: "role"; readonly role: Role }
  | { readonly kind: "set-election-timer"; readonly delayMs: number }
  /** The proposal stands in this member's log at `index`; whether it stays there is open. */
  | { readonly kind: "proposed"; readonly proposal: number; readonly index: number }
  | { readonly kind: "refused"; readonly proposal: number; readonly reason: ProposalRefusal }
  | {
      readonly kind: "confirmed";
      readonly read: number;
      readonly index: number;
      readonly raftTerm: number;
    }
  | {
      readonly kind: "not-confirmed";
      readonly read: number;
      readonly reason: "not-leader" | "overloaded";
    };
