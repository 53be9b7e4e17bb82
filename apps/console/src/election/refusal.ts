// SPDX-License-Identifier: Apache-2.0
/** Why a verb was not done, or may not have been, in words for an operator. */

import { ElectionError, type ElectionErrorCode } from "@conclave/client";

export interface Refusal {
  /** `unknown`: it may have been done all the same. */
  readonly outcome: "not-applied" | "unknown";
  readonly title: string;
  /** What to do about it. */
  readonly advice: string;
}

export function refusalOf(thrown: unknown): Refusal {
  const error = ElectionError.from(thrown);
  const outcome = error.outcome === "not-applied" || isSurelyNot(error) ? "not-applied" : "unknown";
  const said = WORDS[error.code] ?? { what: error.message, advice: "" };
  if (outcome === "unknown") {
    return {
      outcome,
      title: `It is not known whether this was done: ${said.what}`,
      advice: "Look at the queue and at the history below before you ask again.",
    };
  }
  return { outcome, title: `Nothing was done: ${said.what}`, advice: said.advice };
}

/** Refusals that a server makes before it changes anything. */
function isSurelyNot(error: ElectionError): boolean {
  const { code } = error;
  return code === "CONFLICT" || code === "NOT_FOUND" || code === "DENIED" || code === "INVALID";
}

interface Words {
  readonly what: string;
  readonly advice: string;
}

const WORDS: Partial<Readonly<Record<ElectionErrorCode, Words>>> = {
  CONFLICT: {
    what: "the election has changed since this page showed it.",
    advice: "Its present state is shown now. Decide again.",
  },
  NOT_FOUND: {
    what: "the election, or this candidate in it, does not exist any more.",
    advice: "The present queue is shown now.",
  },
  DENIED: {
    what: "you are not allowed to do this.",
    advice: "It takes a token with the operator's role for this namespace.",
  },
  NO_QUORUM: {
    what: "the nodes that decide about this election have no leader at the moment.",
    advice: "Try again when the cluster screen shows a leader for its partition.",
  },
  TIMEOUT: { what: "no answer came in time.", advice: "Try again." },
  CLOSED: { what: "this page has closed its connection.", advice: "Load the page again." },
  OTHER_CLUSTER: {
    what: "the address belongs to another cluster now.",
    advice: "Load the page again, and look whether this is the cluster that you meant.",
  },
};
