// SPDX-License-Identifier: Apache-2.0
/** Why a host does not start, in the words of its door. */

import type { Refused, Rotten } from "../store/finding.ts";

/**
 * - `locked`: another process has the directory.
 * - `foreign`: it belongs to another cluster, holds groups that were not opened, or was written in a
 *   format that no released version wrote.
 * - `newer`: its format is of a later version.
 * - `not-writable`, `no-space`, `io`: the disk's answer.
 * - `damaged`: what was acknowledged does not verify; the detail says which bytes.
 */
export type StartRefusal =
  | "locked"
  | "foreign"
  | "newer"
  | "not-writable"
  | "no-space"
  | "io"
  | "damaged";

export type StartOutcome =
  | { readonly kind: "started" }
  | { readonly kind: "refused"; readonly reason: StartRefusal; readonly detail: string };

export function refusalOf(outcome: Rotten | Refused): StartOutcome {
  if (outcome.kind === "rotten") {
    const places = outcome.rot.map(({ file, offset, end, groups }) => {
      const whose = groups === "all" ? "all groups" : `group ${groups.join(", ")}`;
      return `${file} bytes ${offset} to ${end} (${whose})`;
    });
    return { kind: "refused", reason: "damaged", detail: places.join("; ") };
  }
  const reason = outcome.reason === "read-only" ? "not-writable" : outcome.reason;
  return { kind: "refused", reason, detail: outcome.detail };
}
