// SPDX-License-Identifier: Apache-2.0
/**
 * How long a file and a function may be, and the ratchet: the list of those that are longer, which
 * may only shrink. An entry states the exact length, so that nothing in it can grow unseen.
 */

import ts from "typescript";
import { isSource, isSpec, nodesOf, sources, type Tree, type Violation } from "./tree.ts";

/** Lines of a file; beyond this nobody reads it in one go. Specs count too. */
const FILE_LINES_MAX = 400;

/** Lines of a function, from its head to its last brace. Specs are exempt: `describe` is one. */
const FUNCTION_LINES_MAX = 70;

/** Where the exceptions stand: one `LINES SUBJECT` a line, `#` begins a comment. */
export const RATCHET_PATH = "tools/tidy/ratchet.txt";

/** Everything that is longer than allowed and not in the ratchet, and every stale entry of it. */
export function checkLengths(tree: Tree): readonly Violation[] {
  const tooLong = overlongSubjects(tree);
  const ratchet = parseRatchet(tree.get(RATCHET_PATH) ?? "");
  const violations: Violation[] = [];
  for (const [subject, { path, line, lines, linesMax }] of tooLong) {
    const allowed = ratchet.get(subject)?.lines ?? linesMax;
    if (lines <= allowed) continue;
    violations.push({ path, line, message: `${subject} has ${lines} lines, allowed: ${allowed}` });
  }
  for (const [subject, { line, lines }] of ratchet) {
    const actual = tooLong.get(subject)?.lines;
    if (actual !== undefined && actual >= lines) continue;
    const remedy = actual === undefined ? "remove this entry" : `lower this entry to ${actual}`;
    violations.push({ path: RATCHET_PATH, line, message: `${subject}: ${remedy}` });
  }
  return violations;
}

/** The ratchet with every entry lowered to the length of today, and without those now needless. */
export function lowerRatchet(tree: Tree): string {
  const tooLong = overlongSubjects(tree);
  const lines: string[] = [];
  for (const line of (tree.get(RATCHET_PATH) ?? "").split("\n")) {
    const entry = parseEntry(line);
    const actual = entry && tooLong.get(entry.subject)?.lines;
    if (entry === undefined) lines.push(line);
    else if (actual !== undefined) {
      lines.push(`${Math.min(actual, entry.lines)} ${entry.subject}`);
    }
  }
  return lines.join("\n");
}

interface Overlong {
  readonly path: string;
  readonly line: number;
  readonly lines: number;
  readonly linesMax: number;
}

/** A file's subject is its path, a function's `path#name`. */
function overlongSubjects(tree: Tree): ReadonlyMap<string, Overlong> {
  const found = new Map<string, Overlong>();
  for (const [path, text] of tree) {
    const lines = text.replace(/\n$/, "").split("\n").length;
    if (!isSource(path) || lines <= FILE_LINES_MAX) continue;
    found.set(path, { path, line: 1, lines, linesMax: FILE_LINES_MAX });
  }
  for (const [path, file] of sources(tree)) {
    if (isSpec(path)) continue;
    for (const node of nodesOf(file)) {
      if (!ts.isFunctionLike(node) || !("body" in node) || node.body === undefined) continue;
      const line = file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
      const lines = file.getLineAndCharacterOfPosition(node.end).line + 2 - line;
      if (lines <= FUNCTION_LINES_MAX) continue;
      const subject = `${path}#${nameOf(node)}`;
      found.set(subject, { path, line, lines, linesMax: FUNCTION_LINES_MAX });
    }
  }
  return found;
}

/** Its own name, or that of the variable or property it is given to. */
function nameOf(node: ts.SignatureDeclaration): string {
  if (node.name !== undefined) return node.name.getText();
  const { parent } = node;
  const isNamed = ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent);
  return isNamed ? parent.name.getText() : "anonymous";
}

interface RatchetEntry {
  readonly subject: string;
  readonly line: number;
  readonly lines: number;
}

function parseRatchet(text: string): ReadonlyMap<string, RatchetEntry> {
  const entries = new Map<string, RatchetEntry>();
  for (const [index, line] of text.split("\n").entries()) {
    const entry = parseEntry(line);
    if (entry !== undefined) entries.set(entry.subject, { ...entry, line: index + 1 });
  }
  return entries;
}

function parseEntry(line: string): Omit<RatchetEntry, "line"> | undefined {
  const match = /^(\d+) (\S+)$/.exec(line.trim());
  return match === null ? undefined : { lines: Number(match[1]), subject: match[2]! };
}
