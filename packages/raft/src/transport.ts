// SPDX-License-Identifier: Apache-2.0
/** What the host asks of whoever carries messages between replicas. Types only. */

import type { RaftMessage } from "./core/message.ts";
import type { GroupId, ReplicaId } from "./ids.ts";

/** A message of one group; a frame between two replicas holds those of many. */
export interface GroupMessage {
  readonly group: GroupId;
  readonly message: RaftMessage;
}

export interface Transport {
  /**
   * Fire and forget: it may drop, double, delay and reorder, and never blocks. Called at most once
   * per replica and turn of the host's loop; what it is given does not change any more.
   */
  send(to: ReplicaId, messages: readonly GroupMessage[]): void;
}
