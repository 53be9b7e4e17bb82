// SPDX-License-Identifier: Apache-2.0
/**
 * The files of the repository as a value, so that every rule is a function and its own spec can
 * hand it three lines in memory. Only `read-tree.ts` touches a disk.
 */

import ts from "typescript";

/** Contents by path from the root, with forward slashes. */
export type Tree = ReadonlyMap<string, string>;

/** One place where a rule does not hold. */
export interface Violation {
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  readonly message: string;
}

/** A rule looks at the whole tree and names every place that breaks it. */
export type Rule = (tree: Tree) => readonly Violation[];

/** One line for a person and for an editor that jumps to `path:line`. */
export function describeViolation({ path, line, message }: Violation): string {
  return `${path}:${line} ${message}`;
}

/** TypeScript and JavaScript that people wrote, which excludes what generators write. */
export function isSource(path: string): boolean {
  return /\.(ts|tsx|mts|mjs|js)$/.test(path) && !path.includes("/src/gen/");
}

/** A test, or what only tests use: it may reach further than the file it tests, and ships to nobody. */
export function isSpec(path: string): boolean {
  return /\.spec\.(tsx?|mjs)$|\/src\/spec\//.test(path);
}

/** The paths and syntax trees of all sources, parsed once however many rules look at them. */
export function* sources(tree: Tree): Generator<readonly [string, ts.SourceFile]> {
  for (const [path, text] of tree) {
    if (isSource(path)) yield [path, parse(path, text)];
  }
}

const parsed = new Map<string, ts.SourceFile>();

function parse(path: string, text: string): ts.SourceFile {
  const before = parsed.get(path);
  if (before?.text === text) return before;
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  parsed.set(path, file);
  return file;
}

/** Every node below and including the one given, in the order of the text. */
export function* nodesOf(node: ts.Node): Generator<ts.Node> {
  // Generators inside generators would hand each node up through all that hold it.
  const waiting = [node];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    yield next;
    const children: ts.Node[] = [];
    ts.forEachChild(next, (child) => {
      children.push(child);
    });
    waiting.push(...children.reverse());
  }
}

/** The line on which a node begins, counted from 1. */
export function lineOf(node: ts.Node): number {
  const file = node.getSourceFile();
  return file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
}
