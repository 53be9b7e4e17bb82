// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the machine's clock, chance and timers out of pure code, where they are arguments: a replica
 * that reads a clock differs from its peers, and a simulation that does cannot be replayed.
 */

import ts from "typescript";
import { type Machine, zoneOf } from "./layers.ts";
import { isSpec, lineOf, nodesOf, sources, type Tree, type Violation } from "./tree.ts";

/** Names of the runtime that no code outside the node-specific folders may use. */
const BANNED = new Set([
  "Buffer",
  "Date",
  "clearInterval",
  "clearTimeout",
  "crypto",
  "globalThis",
  "performance",
  "process",
  "setImmediate",
  "setInterval",
  "setTimeout",
]);

/** Every use of a banned name in a file whose zone has no right to the machine. */
export function checkMachine(tree: Tree): readonly Violation[] {
  const violations: Violation[] = [];
  for (const [path, file] of sources(tree)) {
    const machine: Machine = zoneOf(path)?.machine ?? "none";
    if (machine !== "none" || isSpec(path)) continue;
    const declared = declaredNames(file);
    for (const node of nodesOf(file)) {
      const name = bannedUse(node, declared);
      if (name === undefined) continue;
      const message = `${name} is the machine's; pure code takes it as an argument`;
      violations.push({ path, line: lineOf(node), message });
    }
  }
  return violations;
}

/** Names that the file itself gives a meaning; a parameter called `process` is not the global. */
function declaredNames(file: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  for (const node of nodesOf(file)) {
    const isDeclaration =
      ts.isVariableDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isBindingElement(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isImportSpecifier(node);
    if (isDeclaration && node.name !== undefined && ts.isIdentifier(node.name)) {
      names.add(node.name.text);
    }
  }
  return names;
}

function bannedUse(node: ts.Node, declared: ReadonlySet<string>): string | undefined {
  if (!ts.isIdentifier(node) || declared.has(node.text)) return undefined;
  if (node.text === "Math") return reachesRandom(node.parent) ? "Math.random" : undefined;
  return BANNED.has(node.text) && isValueUse(node) ? node.text : undefined;
}

/** `Math.random`, `Math["random"]` and `const { random } = Math`. */
function reachesRandom(parent: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(parent)) return parent.name.text === "random";
  if (ts.isElementAccessExpression(parent))
    return parent.argumentExpression.getText() === '"random"';
  return ts.isVariableDeclaration(parent) && parent.name.getText().includes("random");
}

/** Whether an identifier stands for the variable of that name, and not for a member or a type. */
function isValueUse(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isQualifiedName(parent) || ts.isTypeReferenceNode(parent)) return false;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  const isMemberName =
    (ts.isPropertyAssignment(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isMethodDeclaration(parent) ||
      ts.isGetAccessor(parent) ||
      ts.isSetAccessor(parent) ||
      ts.isBindingElement(parent)) &&
    (parent.name === node || (ts.isBindingElement(parent) && parent.propertyName === node));
  return !isMemberName;
}
