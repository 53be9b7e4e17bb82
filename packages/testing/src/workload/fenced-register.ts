// SPDX-License-Identifier: Apache-2.0
/**
 * The resource that leaders work on: one number for each election. Whoever claims it with a term shuts
 * out every lower one, as each guide to fencing asks; then it counts up from what it was told.
 *
 * It has no opinion about who leads, and takes a write that forgets another's: that is for its judges.
 */

export interface FencedRegister {
  /** The value, for a term that is not lower than all before; undefined: another has a higher one. */
  claim(election: string, term: bigint): number | undefined;
  /** Puts `expected` + 1 in the place of whatever is there, unless a higher term has claimed it. */
  write(election: string, term: bigint, expected: number): FencedWrite;
}

interface FencedWrite {
  readonly isTaken: boolean;
  /** What is there afterwards. */
  readonly value: number;
}

export function createFencedRegister(): FencedRegister {
  const registers = new Map<string, { term: bigint; value: number }>();
  const of = (election: string): { term: bigint; value: number } => {
    const register = registers.get(election) ?? { term: 0n, value: 0 };
    registers.set(election, register);
    return register;
  };
  return {
    claim(election, term) {
      const register = of(election);
      if (term < register.term) return undefined;
      register.term = term;
      return register.value;
    },
    write(election, term, expected) {
      const register = of(election);
      if (term < register.term) return { isTaken: false, value: register.value };
      register.term = term;
      register.value = expected + 1;
      return { isTaken: true, value: register.value };
    },
  };
}
