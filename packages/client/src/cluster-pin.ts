// SPDX-License-Identifier: Apache-2.0
/**
 * The cluster that this client belongs to: the first that it met. A node of another one is refused,
 * because terms and revisions of two clusters say nothing to each other (semantics A4).
 */

import type { AttachWelcome, ClusterInfo } from "@conclave/api";
import { assert } from "@conclave/base";
import { ElectionError } from "./error.ts";

export class ClusterPin {
  #cluster: ClusterInfo | undefined;

  /** Fixed for the life of a cluster: the home of every name follows from it. */
  get partitionCount(): number {
    assert(this.#cluster !== undefined, "a cluster has been met");
    return this.#cluster.partitionCount;
  }

  admit({ cluster }: AttachWelcome): ElectionError | undefined {
    if (cluster === undefined || cluster.partitionCount < 1) {
      return new ElectionError("INTERNAL", "the server does not say which cluster it is of");
    }
    this.#cluster ??= cluster;
    const pinned = hex(this.#cluster.clusterId);
    const met = hex(cluster.clusterId);
    if (met === pinned) return undefined;
    return new ElectionError("OTHER_CLUSTER", `expected cluster ${pinned}, met ${met}`);
  }
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
