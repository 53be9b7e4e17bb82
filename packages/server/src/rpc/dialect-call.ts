// SPDX-License-Identifier: Apache-2.0
/** One call of a dialect, taken to the home of its primitive, and what became of it. */

import { assert } from "@conclave/base";
import {
  checkCommand,
  type DialectCall,
  type DialectDone,
  defaultLimits,
  type OpenSession,
} from "@conclave/fsm";
import type { PartitionReplica } from "../replica/partition-replica.ts";
import type { SubmissionOutcome } from "../replica/proposals.ts";
import type { Patience } from "./commands.ts";
import {
  type DialectFailure,
  failureOfDialectRefusal,
  failureOfDialectSubmission,
} from "./dialect-failure.ts";

/** What became of a call. */
export type CallOutcome = DialectDone | DialectFailure;

/**
 * Proposes a call on a partition, if its fields keep to their bounds; once it is answered this
 * node's replica has applied it.
 *
 * @param opening the session, where it is not registered there yet: in the same entry.
 */
export function callDialect(
  partition: PartitionReplica,
  call: DialectCall,
  patience: Patience,
  opening?: OpenSession,
): Promise<CallOutcome> {
  // Only what passes can be encoded.
  const problem = checkCommand(defaultLimits, call);
  if (problem !== undefined) return Promise.resolve(failureOfDialectRefusal(problem));
  const submission = { ...patience, commands: [call], mayUseReserve: isOperators(call) };
  return new Promise((resolve) => {
    if (opening === undefined) {
      partition.submit({ ...submission, settle: (outcome) => resolve(outcomeOf(call, outcome)) });
    } else {
      partition.register(opening, submission, undefined, (outcome) =>
        resolve(outcomeOf(call, outcome)),
      );
    }
  });
}

function outcomeOf(call: DialectCall, outcome: SubmissionOutcome): CallOutcome {
  if (outcome.kind !== "replied") return failureOfDialectSubmission(outcome, isRepeatable(call));
  // Behind the opening, where there was one: that one's refusal is the call's.
  const refused = outcome.replies.find((reply) => reply.kind === "refused");
  if (refused !== undefined) return failureOfDialectRefusal(refused);
  const reply = outcome.replies.at(-1);
  assert(reply?.kind === "dialect-done", "a dialect's call is done or refused");
  return reply;
}

/** By name, whoever asks; what makes a log longer for one who has nothing there yet can wait for room. */
function isOperators({ sessionId, operation }: DialectCall): boolean {
  return sessionId === 0n && operation.kind !== "create";
}

/** A number makes any call so; of the verbs only steps up and down are not by themselves. */
function isRepeatable({ order, operation }: DialectCall): boolean {
  if (order.kind !== "free") return true;
  return operation.kind !== "promote" && operation.kind !== "demote";
}
