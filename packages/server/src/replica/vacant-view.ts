// SPDX-License-Identifier: Apache-2.0
/** What readers are shown of an election, also of one that does not exist. */

import {
  checkFence,
  type ElectionView,
  type PartitionState,
  type PrimitiveKey,
  viewOf,
} from "@conclave/fsm";

/** Of one that does not exist a vacant view, with the last term that is known. */
export function viewOrVacant(state: PartitionState, key: PrimitiveKey): ElectionView {
  const view = viewOf(state, key);
  if (view !== undefined) return view;
  const { term, asOfRevision } = checkFence(state, key, 0n);
  return { key, revision: 0n, term, reportedTerm: 0n, queue: [], asOfRevision };
}
