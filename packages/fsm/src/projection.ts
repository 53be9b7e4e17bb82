// SPDX-License-Identifier: Apache-2.0
/**
 * The two ways in which the dialects publish one list (semantics 2.1): S0, S2 and S4 the whole of it,
 * leader first; S1 and S3 the leader apart and the candidates without it.
 */

import type { TermView } from "./view.ts";

export interface PublishedTerm {
  /** The reported term. */
  readonly term: bigint;
  /** Empty when the office is vacant. */
  readonly leader: string;
  readonly candidates: readonly string[];
}

export function leaderFirst(view: TermView): PublishedTerm {
  return { term: view.term, leader: view.candidates[0] ?? "", candidates: view.candidates };
}

export function leaderApart(view: TermView): PublishedTerm {
  const [leader = "", ...candidates] = view.candidates;
  return { term: view.term, leader, candidates };
}
