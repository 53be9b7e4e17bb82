// SPDX-License-Identifier: Apache-2.0
/**
 * Takes a snapshot of a state machine in slices, between which the loop goes round (decision 0007).
 *
 * The state must not change before the walk is over; that is its caller's to see to.
 */

import type { Clock } from "@conclave/base";
import type { SnapshotWriter } from "../store/snapshot-writer.ts";

/** After so long the loop has its turn. One chunk of the state machine is not interrupted. */
const SLICE_MS = 4;

/**
 * Writes all chunks.
 *
 * @param rest resolves when the loop has gone round; to false if the snapshot is not wanted any more.
 * @returns whether the walk came to its end.
 */
export async function walkInSlices(
  chunks: Iterable<Uint8Array>,
  writer: SnapshotWriter,
  clock: Pick<Clock, "monotonicMs">,
  rest: () => Promise<boolean>,
): Promise<boolean> {
  let sliceStartMs = clock.monotonicMs();
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + writer.roomBytes);
      at += piece.length;
      const isFull = piece.length === writer.roomBytes;
      // Most pieces only fill the writer's chunk, and there is nothing to wait for.
      const appended = writer.append(piece);
      if (isFull) await appended;
      if (!isFull && clock.monotonicMs() - sliceStartMs < SLICE_MS) continue;
      if (!(await rest())) return false;
      sliceStartMs = clock.monotonicMs();
    }
  }
  return true;
}
