// SPDX-License-Identifier: Apache-2.0
/** Which seeds a run takes. Pure. */

import { createPrng } from "@conclave/base";

const SEED_BITS = 64n;

/** `count` seeds in a row, beginning again at 0 after the largest. */
export function seedsFrom(first: bigint, count: number): readonly bigint[] {
  return Array.from({ length: count }, (_, i) =>
    BigInt.asUintN(Number(SEED_BITS), first + BigInt(i)),
  );
}

/**
 * Seeds that follow from a commit's id: the same for everybody who checks it, others for the next
 * commit, so that a project that is worked on goes through ever new ones.
 */
export function seedsOfCommit(commit: string, count: number): readonly bigint[] {
  const prng = createPrng(0n).child(commit);
  return Array.from(
    { length: count },
    () => (BigInt(prng.nextUint32()) << 32n) | BigInt(prng.nextUint32()),
  );
}
