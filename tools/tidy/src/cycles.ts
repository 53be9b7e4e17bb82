// SPDX-License-Identifier: Apache-2.0
/** Circles in a graph. Knows nothing of files or packages. */

/**
 * One circle for each edge that closes one, found by walking depth first.
 *
 * @returns each circle as its nodes in order, the one that was reached first at the front; empty
 *   if and only if the graph has no circle
 */
export function findCycles(
  edges: ReadonlyMap<string, readonly string[]>,
): readonly (readonly string[])[] {
  const done = new Set<string>();
  const trail: string[] = [];
  const cycles: (readonly string[])[] = [];
  const walk = (node: string): void => {
    const since = trail.indexOf(node);
    if (since >= 0) {
      cycles.push(trail.slice(since));
      return;
    }
    if (done.has(node)) return;
    trail.push(node);
    for (const next of new Set(edges.get(node) ?? [])) walk(next);
    trail.pop();
    done.add(node);
  };
  for (const node of edges.keys()) walk(node);
  return cycles;
}
