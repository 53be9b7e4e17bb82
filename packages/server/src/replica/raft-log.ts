// SPDX-License-Identifier: Apache-2.0
/** The Raft host as the engine of partitions: each partition is the Raft group of its number. */

import type { Host } from "@conclave/raft";
import type { OpenLog } from "./replicated-log.ts";

/** Opens partitions as groups of `host`. The host is started, and stopped, by its owner. */
export function raftLogs(host: Pick<Host, "openGroup">): OpenLog {
  // A Raft group satisfies ReplicatedLog as it is; the compiler proves it here.
  return (partition, listener) => host.openGroup(partition, listener);
}
