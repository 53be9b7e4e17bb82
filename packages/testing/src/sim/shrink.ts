// SPDX-License-Identifier: Apache-2.0
/**
 * Delta debugging: the shortest list found that still fails, by leaving out ever smaller parts of it
 * (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002). Pure.
 */

/**
 * Leaves out what is not needed. Without the budget running out the result is minimal in the sense that
 * each single element of it is needed; the order of what is left stays.
 *
 * @param fails whether a list still shows the failure; asked for shorter lists only
 * @param isSpent asked before each attempt; once true, the best list so far is the result
 */
export async function shrink<T>(
  items: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>,
  isSpent: () => boolean,
): Promise<readonly T[]> {
  // Many failures need no fault at all, and then nothing else has to be tried.
  if (items.length === 0 || isSpent()) return items;
  if (await fails([])) return [];
  let best = items;
  let parts = 2;
  while (best.length > 1 && !isSpent()) {
    const shorter = await firstThatFails(withoutEachPart(best, parts), fails, isSpent);
    if (shorter !== undefined) {
      best = shorter;
      parts = Math.max(2, parts - 1);
    } else if (parts < best.length) {
      parts = Math.min(best.length, parts * 2);
    } else {
      break;
    }
  }
  return best;
}

async function firstThatFails<T>(
  candidates: readonly (readonly T[])[],
  fails: (items: readonly T[]) => Promise<boolean>,
  isSpent: () => boolean,
): Promise<readonly T[] | undefined> {
  for (const candidate of candidates) {
    if (isSpent()) return undefined;
    if (await fails(candidate)) return candidate;
  }
  return undefined;
}

/** The lists that are left when one of `parts` stretches of about equal length is taken out. */
function withoutEachPart<T>(items: readonly T[], parts: number): readonly (readonly T[])[] {
  const cut = (part: number): number => Math.floor((part * items.length) / parts);
  return Array.from({ length: parts }, (_, part) => [
    ...items.slice(0, cut(part)),
    ...items.slice(cut(part + 1)),
  ]);
}
