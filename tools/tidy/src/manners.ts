// SPDX-License-Identifier: Apache-2.0
/** Small rules of writing: what may not stand in a source, and how files are named. */

import ts from "typescript";
import { isSource, isSpec, lineOf, nodesOf, sources, type Tree, type Violation } from "./tree.ts";

const SPDX = "// SPDX-License-Identifier: Apache-2.0";

/** A name of these says nothing about what is inside, so that everything ends up there. */
const EMPTY_NAMES = new Set(["util", "utils", "helper", "helpers", "common", "manager", "misc"]);

/** Kept in halves, or this file would break its own rule. */
const FORBIDDEN_WORDS: readonly (readonly [RegExp, string])[] = [
  [new RegExp("FIX" + "ME|XX" + "X"), "an open end is finished, or filed as an issue"],
  [new RegExp("@ts-" + "(ignore|nocheck)"), "the compiler is not silenced"],
];

/** Paths of a machine or of a neighbour that a clone of this repository does not have. */
const FOREIGN_PATHS = new RegExp(
  "\\.\\./" + "shared\\b|(^|[\\s\"'`(])/wo" + "rk/|\\.lib" + "rary\\b",
);

/** The licence line is the first of each source, after a `#!` line where there is one. */
export function checkLicence(tree: Tree): readonly Violation[] {
  const violations: Violation[] = [];
  for (const [path, text] of tree) {
    if (!isSource(path)) continue;
    const first = text.replace(/^#!.*\n/, "").split("\n", 1)[0];
    if (first !== SPDX) violations.push({ path, line: 1, message: `begins with ${SPDX}` });
  }
  return violations;
}

/** Files and folders are named for what they hold; sources in kebab-case. */
export function checkNames(tree: Tree): readonly Violation[] {
  const violations: Violation[] = [];
  for (const path of tree.keys()) {
    const empty = path
      .toLowerCase()
      .split(/[/.\-_]/)
      .find((word) => EMPTY_NAMES.has(word));
    if (empty !== undefined)
      violations.push({ path, line: 1, message: `"${empty}" names nothing` });
    const file = path.split("/").at(-1) ?? "";
    const isKebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)+$/.test(file);
    if (isSource(path) && !isKebab)
      violations.push({ path, line: 1, message: "is not kebab-case" });
  }
  return violations;
}

/** Words that may not stand in a source, and paths that may not stand in any file. */
export function checkWords(tree: Tree): readonly Violation[] {
  const violations: Violation[] = [];
  for (const [path, text] of tree) {
    for (const [index, content] of text.split("\n").entries()) {
      const at = { path, line: index + 1 };
      if (FOREIGN_PATHS.test(content)) {
        violations.push({ ...at, message: "names a path outside the repository" });
      }
      if (!isSource(path)) continue;
      for (const [word, why] of FORBIDDEN_WORDS) {
        if (word.test(content)) violations.push({ ...at, message: why });
      }
    }
  }
  return violations;
}

/** No `any` by assertion, no `export *`, and no default export but where a tool asks for one. */
export function checkSyntax(tree: Tree): readonly Violation[] {
  const violations: Violation[] = [];
  for (const [path, file] of sources(tree)) {
    for (const node of nodesOf(file)) {
      const message = refusalOf(path, node);
      if (message !== undefined) violations.push({ path, line: lineOf(node), message });
    }
  }
  return violations;
}

function refusalOf(path: string, node: ts.Node): string | undefined {
  const isAssertion = ts.isAsExpression(node) || ts.isTypeAssertionExpression(node);
  if (isAssertion && node.type.kind === ts.SyntaxKind.AnyKeyword) {
    return "an assertion to any switches the compiler off";
  }
  if (ts.isExportDeclaration(node) && node.exportClause === undefined) {
    return "export * hides what a door offers; name each export";
  }
  const isDefault =
    ts.isExportAssignment(node) ||
    (ts.canHaveModifiers(node) &&
      ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword));
  const isForTool = /(^|\/)(vite|vitest)\.config\.ts$|^scripts\/test-count\.mjs$/.test(path);
  return isDefault && !isForTool ? "exports are named, not default" : undefined;
}

/** No test runs alone, and none is left out without a sentence that says why. */
export function checkFocus(tree: Tree): readonly Violation[] {
  const violations: Violation[] = [];
  for (const [path, file] of sources(tree)) {
    if (!isSpec(path)) continue;
    for (const node of nodesOf(file)) {
      if (!ts.isPropertyAccessExpression(node)) continue;
      const message = refusalOfFocus(node, file);
      if (message !== undefined) violations.push({ path, line: lineOf(node.name), message });
    }
  }
  return violations;
}

const LEFT_OUT = new Set(["skip", "skipIf", "runIf", "todo", "fails"]);
const TEST_FUNCTIONS = new Set(["it", "test", "describe", "suite"]);

function refusalOfFocus(
  node: ts.PropertyAccessExpression,
  file: ts.SourceFile,
): string | undefined {
  const name = node.name.text;
  const root = node.expression.getText().split(/[.(]/, 1)[0] ?? "";
  if (TEST_FUNCTIONS.has(root) && name === "only") return "a test may not run alone";
  if (!LEFT_OUT.has(name)) return undefined;
  const isContext = name === "skip" && /^(ctx|context)$/.test(root);
  if (!TEST_FUNCTIONS.has(root) && !isContext) return undefined;
  const call = node.parent;
  const hasReason =
    isContext && ts.isCallExpression(call) && call.arguments.some(ts.isStringLiteralLike);
  const index = lineOf(node.name) - 1;
  const around = file.text.split("\n").slice(Math.max(0, index - 1), index + 1);
  const hasComment = around.some((line) => /\/\/ \S|\*\/\s*$/.test(line));
  return hasReason || hasComment ? undefined : "a test that is left out says why in a comment";
}
