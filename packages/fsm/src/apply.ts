// SPDX-License-Identifier: Apache-2.0
/**
 * The state machine: `apply` is the only way in which a partition changes.
 *
 * It is a function of the state and one committed entry and of nothing else: it reads no clock,
 * draws no random number, does no I/O, and refuses a bad command with a value. Replicas that apply
 * the same log therefore hold equal states. The rules E1 to E16 are in docs/invariants.md.
 */

import { unreachable } from "@conclave/base";
import { acknowledgeS0, acknowledgeS1 } from "./acknowledgements.ts";
import { applyAdminCommand } from "./admin-commands.ts";
import { applyCandidateCommand } from "./candidate-commands.ts";
import type { Command, LogEntry } from "./command.ts";
import { applyDialectCall } from "./dialect-calls.ts";
import { changeMembers } from "./member-commands.ts";
import type { PartitionState } from "./partition.ts";
import type { Applied, Reply } from "./reply.ts";
import {
  closeSession,
  expireSessions,
  openIndexedSession,
  openSession,
} from "./session-commands.ts";
import { beginTurn, type Turn } from "./turn.ts";
import { checkCommand } from "./validate.ts";

/** Applies one entry: a reply for each of its commands, in order, and everything that changed. */
export function apply(state: PartitionState, entry: LogEntry): Applied {
  state.timeMs = Math.max(state.timeMs, entry.timeMs);
  const turn = beginTurn(state, entry.commands);
  for (const command of entry.commands) {
    state.index += 1n;
    turn.replies.push(checkCommand(state.limits, command) ?? execute(turn, command));
    turn.position += 1;
  }
  const { replies, changes, sessionsOpened, sessionsEnded } = turn;
  const { primitivesClosed, streamMessages, membersChanged } = turn;
  return {
    replies,
    changes,
    sessionsOpened,
    sessionsEnded,
    primitivesClosed,
    streamMessages,
    membersChanged,
  };
}

function execute(turn: Turn, command: Command): Reply {
  switch (command.kind) {
    case "enter":
    case "withdraw":
    case "update-metadata":
      return applyCandidateCommand(turn, command);
    case "open-session":
      return openSession(turn, command);
    case "close-session":
      return closeSession(turn, command);
    case "expire-sessions":
      return expireSessions(turn, command);
    case "anoint":
    case "promote":
    case "demote":
    case "evict":
    case "delete":
      return applyAdminCommand(turn, command);
    case "raise-level":
      turn.state.level = Math.max(turn.state.level, command.level);
      return { kind: "level-raised", level: turn.state.level };
    case "set-first-members":
    case "invite-member":
    case "put-member":
    case "remove-member":
      return changeMembers(turn, command);
    case "open-indexed-session":
      return openIndexedSession(turn, command);
    case "dialect-call":
      return applyDialectCall(turn, command);
    case "acknowledge-s0":
      return acknowledgeS0(turn, command);
    case "acknowledge-s1":
      return acknowledgeS1(turn, command);
    default:
      return unreachable(command);
  }
}
