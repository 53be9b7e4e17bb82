// SPDX-License-Identifier: Apache-2.0
/**
 * The operator's verbs: on any candidate, on condition of a revision, idempotent by request id
 * (semantics A1, A3).
 */

import { done, unchanged } from "./candidate-commands.ts";
import type { AdminCommand } from "./command.ts";
import { deleteElection, findElection } from "./directory.ts";
import { findCandidacy } from "./election.ts";
import { keyText } from "./key.ts";
import type { Done, Refused, Reply } from "./reply.ts";
import { answerOnce } from "./request-replies.ts";
import { steer } from "./steering.ts";
import { refused, type Turn } from "./turn.ts";

export function applyAdminCommand(turn: Turn, command: AdminCommand): Reply {
  const { requestId } = command.options;
  if (requestId === undefined) return execute(turn, command);
  // The prefix keeps ids that operators choose apart from those of S4's clients.
  return answerOnce(turn.state, `n:${requestId}`, contentOf(command), () => execute(turn, command));
}

function execute(turn: Turn, command: AdminCommand): Done | Refused {
  const { key, options } = command;
  const election = findElection(turn.state, key);
  if (election === undefined) return refused("no_such_election");
  if (options.ifRevision !== undefined && options.ifRevision !== election.revision) {
    return { kind: "refused", reason: "revision_mismatch", revision: election.revision };
  }
  if (command.kind === "delete") {
    deleteElection(turn, election, options.reason);
    return done(turn, election, undefined);
  }
  const candidacy = findCandidacy(election, command.candidate);
  if (candidacy === undefined) return refused("not_a_candidate");
  const isChanged = steer(turn, candidacy, command.kind, options.reason);
  const reply = done(turn, election, candidacy);
  return isChanged ? reply : unchanged(reply);
}

/** Everything that the command asks for, in one text that no other content shares. */
function contentOf(command: AdminCommand): string {
  const { ifRevision, reason } = command.options;
  const candidate = command.kind === "delete" ? null : command.candidate;
  const condition = ifRevision === undefined ? null : `${ifRevision}`;
  return JSON.stringify([command.kind, keyText(command.key), candidate, condition, reason]);
}
