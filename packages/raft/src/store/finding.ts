// SPDX-License-Identifier: Apache-2.0
/** What can be wrong with a directory: the values by which the store says that it does not open. */

import type { GroupId } from "../ids.ts";
import type { DiskFaultReason } from "./disk.ts";

/** Bytes that were acknowledged and do not verify, or are not there. */
export interface Rot {
  readonly file: string;
  readonly offset: number;
  readonly end: number;
  /** Whose state can no longer be vouched for; rot in the shared log may have hit a record's group. */
  readonly groups: readonly GroupId[] | "all";
}

export interface Rotten {
  readonly kind: "rotten";
  readonly rot: readonly Rot[];
}

export interface Refused {
  readonly kind: "refused";
  readonly reason: Exclude<DiskFaultReason, "missing" | "exists"> | "foreign" | "newer";
  readonly detail: string;
}

export function rotten(
  file: string,
  offset: number,
  end: number,
  groups: readonly GroupId[] | "all" = "all",
): Rotten {
  return { kind: "rotten", rot: [{ file, offset, end, groups }] };
}

export function refusedByDisk(fault: {
  readonly reason: DiskFaultReason;
  readonly detail: string;
}): Refused {
  const { reason, detail } = fault;
  const isUnforeseen = reason === "missing" || reason === "exists";
  return { kind: "refused", reason: isUnforeseen ? "io" : reason, detail };
}

export function refusedIdentity(reason: "foreign" | "newer", name: string): Refused {
  const detail =
    reason === "foreign"
      ? `${name} belongs to another cluster`
      : `${name} was written by a newer version`;
  return { kind: "refused", reason, detail };
}
