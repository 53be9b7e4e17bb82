// SPDX-License-Identifier: Apache-2.0
/** The last changes of all elections, in the order in which they came, bounded. */

import type { Candidate, Cause, ViewChange } from "@conclave/client";

export type LoggedChange = LoggedElectionChange | LoggedGap;

export interface LoggedElectionChange {
  readonly kind: "change";
  /** Rises by one with each entry of the log, so that a list can tell entries apart. */
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  readonly type: ViewChange["type"];
  readonly cause: Cause;
  /** What an operator gave as a reason; empty otherwise. */
  readonly reason: string;
  readonly term: bigint;
  readonly revision: bigint;
  /** By the server's clock, Unix milliseconds. */
  readonly timeMs: number | null;
  /** By this page's clock, Unix milliseconds. */
  readonly receivedMs: number;
  readonly leaderBefore: Candidate | null;
  readonly leaderAfter: Candidate | null;
}

/** Changes that this page has missed lie between the entries before and after this one. */
interface LoggedGap {
  readonly kind: "gap";
  readonly id: number;
  readonly namespace: string;
  readonly receivedMs: number;
}

/** What goes into the log; it numbers its entries itself. */
export type ChangeToLog = Omit<LoggedElectionChange, "id"> | Omit<LoggedGap, "id">;

export interface ChangeLog {
  add(change: ChangeToLog): void;
  /** Oldest first. A new array after each `add`, and the same one otherwise. */
  entries(): readonly LoggedChange[];
}

/** @param max how many entries are kept; the oldest go first */
export function createChangeLog(max: number): ChangeLog {
  const ring: LoggedChange[] = [];
  let nextId = 1;
  let shown: readonly LoggedChange[] | undefined;
  return {
    add(change) {
      const id = nextId++;
      // The ring's order is that of the ids: entry `id` stands at (id - 1) modulo `max`.
      ring[(id - 1) % max] = { ...change, id };
      shown = undefined;
    },
    entries() {
      const oldest = (nextId - 1) % max;
      const isFull = ring.length === max;
      shown ??= isFull ? [...ring.slice(oldest), ...ring.slice(0, oldest)] : [...ring];
      return shown;
    },
  };
}
