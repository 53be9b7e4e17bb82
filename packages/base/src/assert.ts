// SPDX-License-Identifier: Apache-2.0
/**
 * Assertions that stay on in production: they catch our own bugs, never a caller's mistake.
 *
 * A bad request is answered with a value; a broken rule stops the program before it can spread.
 */

/** Thrown where the program has broken a rule of its own. Never caught in order to go on. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/**
 * Stops the program when a rule does not hold.
 *
 * @param rule what must be true, put positively and beginning with its number where it has one
 *   in docs/invariants.md, for instance `"E3: a term never falls"`.
 */
export function assert(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new AssertionError(rule);
}

/** Marks the branch that a complete switch never takes; a new member of the union fails to compile. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`);
}
