// SPDX-License-Identifier: Apache-2.0
/** What the holder of an office, or a candidate, is told when it is over, by the cause of its end. */

import { ElectionError, type ElectionErrorCode } from "./error.ts";
import type { Cause } from "./view.ts";

interface Loss {
  readonly code: ElectionErrorCode;
  readonly what: string;
}

const LOSSES: Readonly<Record<Cause, Loss>> = {
  entered: { code: "SUPERSEDED", what: "another process took the name over" },
  withdrawn: { code: "RESIGNED", what: "withdrew" },
  resigned: { code: "RESIGNED", what: "resigned" },
  expired: { code: "EXPIRED", what: "the lease ran out" },
  disconnected: { code: "EXPIRED", what: "the connection ended and the grace ran out" },
  anointed: { code: "SUPERSEDED", what: "another candidate leads" },
  promoted: { code: "SUPERSEDED", what: "another candidate was promoted" },
  demoted: { code: "SUPERSEDED", what: "was demoted" },
  evicted: { code: "EVICTED", what: "was evicted" },
  deleted: { code: "EVICTED", what: "the election was deleted" },
  metadata: { code: "LOST", what: "the office is lost" },
  restored: { code: "EXPIRED", what: "the cluster was restored from a snapshot" },
  unknown: { code: "LOST", what: "the candidacy is gone" },
};

/** Why an office is over. `label`: the candidate and the election, for the message. */
export function lossError(cause: Cause, label: string): ElectionError {
  const { code, what } = LOSSES[cause];
  return new ElectionError(code, `${label}: ${what}`, { outcome: "not-applied" });
}

/** Why a candidate that was in, or on its way in, is out. Retryable: it may enter again. */
export function goneError(cause: Cause, label: string): ElectionError {
  const { code, what } = LOSSES[cause];
  return new ElectionError(code, `${label}: ${what}`, { retryable: true, outcome: "not-applied" });
}

/** The same for whoever waits for an answer to something else: it may have been carried out before. */
export function unanswered({ code, message, retryable }: ElectionError): ElectionError {
  return new ElectionError(code, message, { retryable, outcome: "unknown" });
}
