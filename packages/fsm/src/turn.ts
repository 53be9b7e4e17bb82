// SPDX-License-Identifier: Apache-2.0
/** The application of one entry while it is under way: the state, and what has come of it so far. */

import type {
  Change,
  PrimitiveClosed,
  SessionEnded,
  SessionOpened,
  StreamMessage,
} from "./change.ts";
import type { Command } from "./command.ts";
import type { PartitionState } from "./partition.ts";
import type { RefusalReason, Refused, Reply } from "./reply.ts";

export interface Turn {
  readonly state: PartitionState;
  readonly commands: readonly Command[];
  /** Which of the commands is being applied. */
  position: number;
  readonly replies: Reply[];
  readonly changes: Change[];
  readonly sessionsOpened: SessionOpened[];
  readonly sessionsEnded: SessionEnded[];
  readonly primitivesClosed: PrimitiveClosed[];
  readonly streamMessages: StreamMessage[];
  membersChanged: boolean;
}

export function beginTurn(state: PartitionState, commands: readonly Command[]): Turn {
  return {
    state,
    commands,
    position: 0,
    replies: [],
    changes: [],
    sessionsOpened: [],
    sessionsEnded: [],
    primitivesClosed: [],
    streamMessages: [],
    membersChanged: false,
  };
}

export function refused(reason: RefusalReason): Refused {
  return { kind: "refused", reason };
}
