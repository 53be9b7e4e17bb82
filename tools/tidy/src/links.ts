// SPDX-License-Identifier: Apache-2.0
/** What the documents say exists does: links within the repository, tests, and the numbers of rules. */

import ts from "typescript";
import { lineOf, nodesOf, sources, type Tree, type Violation } from "./tree.ts";

/** Where every numbered rule stands with its sentence and its source. */
export const INVARIANTS_PATH = "docs/invariants.md";

/** Every relative link in a Markdown file leads to a file or folder, and to a heading in it. */
export function checkLinks(tree: Tree): readonly Violation[] {
  const folders = foldersOf(tree);
  const violations: Violation[] = [];
  for (const [path, text] of tree) {
    if (!path.endsWith(".md")) continue;
    for (const [index, content] of withoutCode(text).split("\n").entries()) {
      for (const [, target = ""] of content.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)) {
        const message = refusalOf(path, target, tree, folders);
        if (message !== undefined) violations.push({ path, line: index + 1, message });
      }
    }
  }
  return violations;
}

/** Every test that a document names behind a link to its file, `[a](a.spec.ts): "it holds"`, is there. */
export function checkTestNames(tree: Tree): readonly Violation[] {
  const violations: Violation[] = [];
  for (const [path, text] of tree) {
    if (!path.endsWith(".md")) continue;
    for (const [index, content] of text.split("\n").entries()) {
      for (const [, target = "", name = ""] of content.matchAll(
        /\]\((\S+?\.spec\.ts)\): "([^"]+)"/g,
      )) {
        const file = resolve(path, target);
        if (tree.get(file)?.includes(name)) continue;
        violations.push({ path, line: index + 1, message: `${file} has no test "${name}"` });
      }
    }
  }
  return violations;
}

/** Every number with which an assertion begins ("E3: a term never falls") is in the invariants. */
export function checkRuleNumbers(tree: Tree): readonly Violation[] {
  const text = tree.get(INVARIANTS_PATH);
  if (text === undefined) return [{ path: INVARIANTS_PATH, line: 1, message: "does not exist" }];
  const known = new Set<string>();
  // A rule begins its line, whatever Markdown puts before it: a bullet, a table, a heading, bold.
  for (const [, number] of text.matchAll(/^[\s|#>*_`-]*([RESCO]\d+)\b/gm)) known.add(number!);
  const violations: Violation[] = [];
  for (const [path, file] of sources(tree)) {
    for (const node of nodesOf(file)) {
      const number = ruleNumberOf(node);
      if (number === undefined || known.has(number)) continue;
      const message = `rule ${number} is not in ${INVARIANTS_PATH}`;
      violations.push({ path, line: lineOf(node), message });
    }
  }
  return violations;
}

function ruleNumberOf(node: ts.Node): string | undefined {
  if (!ts.isCallExpression(node) || !/^assert\w*$/.test(node.expression.getText())) {
    return undefined;
  }
  for (const argument of node.arguments) {
    const isText = ts.isStringLiteralLike(argument) || ts.isTemplateExpression(argument);
    const match = isText && /^["'`]([RESCO]\d+):/.exec(argument.getText());
    if (match) return match[1];
  }
  return undefined;
}

function refusalOf(
  path: string,
  target: string,
  tree: Tree,
  folders: ReadonlySet<string>,
): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined;
  const [file = "", anchor] = target.split("#", 2);
  const resolved = file === "" ? path : resolve(path, decodeURIComponent(file));
  if (!tree.has(resolved) && !folders.has(resolved)) return `${target} leads nowhere`;
  if (anchor === undefined || !resolved.endsWith(".md")) return undefined;
  return anchorsOf(tree.get(resolved) ?? "").has(anchor)
    ? undefined
    : `${target} leads to no heading of ${resolved}`;
}

function resolve(path: string, relative: string): string {
  const segments = relative.startsWith("/") ? [] : path.split("/").slice(0, -1);
  for (const segment of relative.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "." && segment !== "") segments.push(segment);
  }
  return segments.join("/");
}

function foldersOf(tree: Tree): ReadonlySet<string> {
  const folders = new Set<string>([""]);
  for (const path of tree.keys()) {
    const segments = path.split("/");
    for (let end = 1; end < segments.length; end++) folders.add(segments.slice(0, end).join("/"));
  }
  return folders;
}

/** Blanks out code, keeping the line numbers: what stands there is an example, not a link. */
function withoutCode(text: string): string {
  const blank = (code: string): string => code.replace(/[^\n]/g, " ");
  return text.replace(/^ *(```|~~~)[\s\S]*?^ *\1/gm, blank).replace(/`[^`\n]*`/g, blank);
}

/** The anchors that a forge gives to headings: lower case, punctuation gone, spaces to hyphens. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  const counts = new Map<string, number>();
  for (const [, title = ""] of text.matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const plain = title.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
    const count = counts.get(slug) ?? 0;
    counts.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  for (const [, id] of text.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id!);
  return anchors;
}
