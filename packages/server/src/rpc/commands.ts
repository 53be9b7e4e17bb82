// SPDX-License-Identifier: Apache-2.0
/**
 * One command of a client, from the checked request to the result: routed to the home of its name,
 * registered with its session where that is due, answered by a callback.
 */

import type { CommandResult } from "@conclave/api";
import { assert } from "@conclave/base";
import type { AdminCommand, CandidateCommand, OpenSession, Reply } from "@conclave/fsm";
import type { AttachmentId } from "../replica/deadlines.ts";
import type { ElectionNode } from "../replica/election-node.ts";
import type { PartitionReplica } from "../replica/partition-replica.ts";
import type { SubmissionOutcome } from "../replica/proposals.ts";
import { type Failure, failureOfRefusal, failureOfSubmission } from "../wire/failure.ts";
import { commandResultOf } from "../wire/views.ts";

/** A session that is to be registered in the entry of its first command on a partition. */
export interface Registering {
  readonly opening: OpenSession;
  readonly attachment: AttachmentId;
}

/** How long a command may take, and for whom. */
export interface Patience {
  readonly giveUpAtMs: number;
  /** The caller's: aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
}

export type CommandSettled = (result: CommandResult | Failure, home: PartitionReplica) => void;

export function runCommand(
  node: ElectionNode,
  command: CandidateCommand | AdminCommand,
  patience: Patience,
  settled: CommandSettled,
): void {
  const home = node.homeOf(command.key);
  home.submit({
    ...patience,
    commands: [command],
    mayUseReserve: isOperators(command),
    settle: (outcome) => settled(resultOf(outcome, 0, command, home, false), home),
  });
}

/** As `runCommand`, with the session registered before it in the same entry. */
export function registerAndRun(
  node: ElectionNode,
  command: CandidateCommand,
  { opening, attachment }: Registering,
  patience: Patience,
  settled: CommandSettled,
): void {
  const home = node.homeOf(command.key);
  const submission = { ...patience, commands: [command], mayUseReserve: false };
  home.register(opening, submission, attachment, (outcome) => {
    const opened = outcome.kind === "replied" ? outcome.replies[0] : undefined;
    if (opened?.kind === "refused") {
      settled(refusedOpening(opened, outcome), home);
      return;
    }
    const isRegistered = opened?.kind === "session-opened" && !opened.already;
    settled(resultOf(outcome, 1, command, home, isRegistered), home);
  });
}

/** The session could not be opened as asked for, though another opening may have let the command pass. */
function refusedOpening(
  refused: Extract<Reply, { kind: "refused" }>,
  outcome: SubmissionOutcome,
): Failure {
  const reply = outcome.kind === "replied" ? outcome.replies[1] : undefined;
  const isApplied = reply?.kind === "done" && reply.changed;
  return {
    ...failureOfRefusal(refused, "open-session"),
    outcome: isApplied ? "applied" : "not-applied",
  };
}

function resultOf(
  outcome: SubmissionOutcome,
  place: number,
  command: CandidateCommand | AdminCommand,
  home: PartitionReplica,
  isRegistered: boolean,
): CommandResult | Failure {
  if (outcome.kind !== "replied") return failureOfSubmission(outcome);
  const reply = outcome.replies[place];
  if (reply?.kind === "done") return commandResultOf(home.number, reply, isRegistered);
  assert(reply?.kind === "refused", "a native command is done or refused");
  return failureOfRefusal(reply, command.kind);
}

function isOperators(command: CandidateCommand | AdminCommand): boolean {
  return "options" in command;
}
