// SPDX-License-Identifier: Apache-2.0
/**
 * Whether at any time two tabs held an asserted leadership: the oracle of the browser specs.
 *
 * A tab that asserts a term at two moments held it in between, too, since one term is never issued
 * twice. So the spans from each term's first to its last assertion must not overlap.
 */

/** One `assertHeld` that did not throw. */
export interface HeldLook {
  /** Which document of which tab; a tab that is loaded again is another holder. */
  readonly holder: string;
  readonly term: bigint;
  /** The wall clock of the one machine that all tabs run on. */
  readonly atMs: number;
}

interface Span {
  readonly holder: string;
  readonly term: bigint;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Browsers blur the clocks that pages are shown: each moment may be off by a millisecond. */
const BLUR_MS = 2;

/** What is wrong, in words; nothing if at most one held office at any time, under terms that rise. */
export function brokenRules(looks: readonly HeldLook[]): readonly string[] {
  const spans = spansOf(looks).toSorted((a, b) => a.firstMs - b.firstMs);
  const broken: string[] = [];
  for (const [i, later] of spans.entries()) {
    for (const earlier of spans.slice(0, i)) {
      const names = `${told(earlier)} and ${told(later)}`;
      if (later.firstMs < earlier.lastMs - BLUR_MS) broken.push(`${names} lead at the same time`);
      if (later.term <= earlier.term) broken.push(`${names}: terms do not rise`);
    }
  }
  return broken;
}

function spansOf(looks: readonly HeldLook[]): readonly Span[] {
  const spans = new Map<string, Span>();
  for (const { holder, term, atMs } of looks) {
    const key = `${holder} ${term}`;
    const span = spans.get(key) ?? { holder, term, firstMs: atMs, lastMs: atMs };
    const firstMs = Math.min(span.firstMs, atMs);
    const lastMs = Math.max(span.lastMs, atMs);
    spans.set(key, { ...span, firstMs, lastMs });
  }
  return [...spans.values()];
}

function told({ holder, term, firstMs, lastMs }: Span): string {
  return `${holder} in term ${term} (${firstMs} to ${lastMs})`;
}
