// SPDX-License-Identifier: Apache-2.0
/** Why a host does not start, in the words of its door. */

import type { StartOutcome } from "../host.ts";
import type { Refused, Rotten } from "../store/finding.ts";

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
