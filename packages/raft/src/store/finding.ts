// SPDX-License-Identifier: Apache-2.0
/** What can be wrong with a directory: the values by which the store says that it does not open. */

import type { GroupId } from "../ids.ts";
import type { DiskFaultReason } from "./disk.ts";
import type { Misfit } from "./file-header.ts";

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

const MISFITS: Readonly<Record<Misfit, string>> = {
  foreign: "belongs to another cluster",
  newer: "was written by a newer version",
  older: "was written by an older development version",
};

export function refusedIdentity(misfit: Misfit, name: string): Refused {
  // No released version wrote the older format, so there is nothing to be done with such a file.
  const reason = misfit === "older" ? "foreign" : misfit;
  return { kind: "refused", reason, detail: `${name} ${MISFITS[misfit]}` };
}
