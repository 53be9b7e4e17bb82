// SPDX-License-Identifier: Apache-2.0
/** Views as servers send them, for specs. */

import type { Candidate, View } from "@conclave/client";
import type { ElectionRow } from "./election-row.ts";

function candidate(id: string): Candidate {
  return { id, instance: "0011223344556677", metadata: {} };
}

/** The first candidate leads. */
export function viewOf(election: string, candidates: readonly string[], revision = 1n): View {
  const [leader = null, ...queue] = candidates.map(candidate);
  const sinceMs = leader === null ? null : 1_000;
  return { election, revision, term: 1n, leader, queue, sinceMs };
}

export function rowOf(namespace: string, name: string, candidates: readonly string[]): ElectionRow {
  return { namespace, name, view: viewOf(name, candidates) };
}
