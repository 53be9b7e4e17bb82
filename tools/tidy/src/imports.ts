// SPDX-License-Identifier: Apache-2.0
/**
 * Who imports whom: enforces the layer table, the doors of packages, and that nothing goes round in
 * a circle, neither between packages nor between files.
 */

import ts from "typescript";
import { findCycles } from "./cycles.ts";
import { DOORS, SPEC_RIGHTS, type SpecRights, type Zone, zoneOf } from "./layers.ts";
import { listPackages, type WorkspacePackage } from "./packages.ts";
import { isSpec, lineOf, nodesOf, sources, type Tree, type Violation } from "./tree.ts";

interface Import {
  readonly path: string;
  readonly line: number;
  readonly specifier: string;
}

/** Every import that the layer table, or a package's door, refuses. */
export function checkLayers(tree: Tree): readonly Violation[] {
  const packages = listPackages(tree);
  const violations: Violation[] = [];
  for (const found of importsOf(tree)) {
    const message = refusalOf(found, tree, packages);
    if (message !== undefined) violations.push({ path: found.path, line: found.line, message });
  }
  return violations;
}

/** Every group of files that import each other in a circle. */
export function checkFileCycles(tree: Tree): readonly Violation[] {
  const edges = new Map<string, string[]>();
  for (const { path, specifier } of importsOf(tree)) {
    if (isRelative(specifier)) append(edges, path, resolveRelative(path, specifier));
  }
  return cycleViolations(edges, (path) => path);
}

/** Every group of packages that import each other in a circle, or depend on each other in one. */
export function checkPackageCycles(tree: Tree): readonly Violation[] {
  const packages = listPackages(tree);
  const edges = new Map<string, string[]>();
  for (const { name, manifest } of packages) {
    for (const dependency of Object.keys(manifest.dependencies ?? {})) {
      append(edges, name, dependency);
    }
  }
  for (const { path, specifier } of importsOf(tree)) {
    const importer = packageAround(path, packages);
    if (importer === undefined || isSpec(path) || isRelative(specifier)) continue;
    append(edges, importer.name, packageNameOf(specifier));
  }
  const manifestOf = (name: string): string =>
    `${packages.find((candidate) => candidate.name === name)?.folder}/package.json`;
  return cycleViolations(edges, manifestOf);
}

/** All static imports, re-exports, `import("x")` calls and `import("x")` types. */
function* importsOf(tree: Tree): Generator<Import> {
  for (const [path, file] of sources(tree)) {
    for (const node of nodesOf(file)) {
      const specifier = specifierOf(node);
      if (specifier !== undefined) yield { path, line: lineOf(node), specifier };
    }
  }
}

function specifierOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    return textOf(node.moduleSpecifier);
  }
  if (ts.isImportTypeNode(node)) {
    return ts.isLiteralTypeNode(node.argument) ? textOf(node.argument.literal) : undefined;
  }
  const isDynamic =
    ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
  return isDynamic ? textOf(node.arguments[0]) : undefined;
}

function textOf(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined;
}

function refusalOf(
  found: Import,
  tree: Tree,
  packages: readonly WorkspacePackage[],
): string | undefined {
  const from = zoneOf(found.path);
  if (from === undefined) return "belongs to no zone of tools/tidy/src/layers.ts";
  const { specifier } = found;
  if (specifier.startsWith("node:")) {
    if (from.machine === "node" || isSpec(found.path)) return undefined;
    return `${from.name} may not import ${specifier}`;
  }
  if (isRelative(specifier)) return refusalOfRelative(found, from, packages);
  const name = packageNameOf(specifier);
  const target = packages.find((candidate) => candidate.name === name);
  if (target !== undefined) return refusalOfPackage(found, from, target, tree);
  return packagesFor(found.path, from).includes(name)
    ? undefined
    : `${from.name} may not import the package ${name}`;
}

function refusalOfRelative(
  { path, specifier }: Import,
  from: Zone,
  packages: readonly WorkspacePackage[],
): string | undefined {
  const target = resolveRelative(path, specifier);
  const own = packageAround(path, packages);
  if (own !== packageAround(target, packages)) return `${specifier} leaves the package`;
  return refusalOfZone(path, from, zoneOf(target), specifier);
}

function refusalOfPackage(
  { path, specifier }: Import,
  from: Zone,
  target: WorkspacePackage,
  tree: Tree,
): string | undefined {
  const door = target.doors.get(`.${specifier.slice(target.name.length)}`);
  if (door === undefined) return `${specifier} is not a door of ${target.name}`;
  const to = zoneOf(door);
  const doors = to && DOORS[`${from.name}>${to.name}`];
  if (doors !== undefined && !isSpec(path) && !doors.includes(specifier)) {
    return `${from.name} may enter ${target.name} only by ${doors.join(", ")}`;
  }
  if (tree.has(door) || !door.endsWith(".ts")) return refusalOfZone(path, from, to, specifier);
  return `${specifier} leads to ${door}, which does not exist`;
}

function refusalOfZone(
  path: string,
  from: Zone,
  to: Zone | undefined,
  specifier: string,
): string | undefined {
  if (to === undefined) return `${specifier} belongs to no zone of tools/tidy/src/layers.ts`;
  const isOwnTest = isSpec(path) && from.name.split("/")[0] === to.name.split("/")[0];
  const allowed = [from.name, ...from.zones, ...specRightsOf(path).flatMap(({ zones }) => zones)];
  if (isOwnTest || allowed.includes(to.name)) return undefined;
  return `${from.name} may not import ${to.name} (${specifier})`;
}

function packagesFor(path: string, zone: Zone): readonly string[] {
  return [...zone.packages, ...specRightsOf(path).flatMap(({ packages }) => packages)];
}

function specRightsOf(path: string): readonly SpecRights[] {
  return isSpec(path) ? SPEC_RIGHTS.filter(({ files }) => files.test(path)) : [];
}

function isRelative(specifier: string): boolean {
  return specifier.startsWith(".");
}

/** `@scope/name/door` and `name/door` without their door. */
function packageNameOf(specifier: string): string {
  const length = specifier.startsWith("@") ? 2 : 1;
  return specifier.split("/").slice(0, length).join("/");
}

function resolveRelative(path: string, specifier: string): string {
  const segments = path.split("/").slice(0, -1);
  for (const segment of specifier.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== ".") segments.push(segment);
  }
  return segments.join("/");
}

function packageAround(
  path: string,
  packages: readonly WorkspacePackage[],
): WorkspacePackage | undefined {
  return packages.find(({ folder }) => path.startsWith(`${folder}/`));
}

function append(edges: Map<string, string[]>, from: string, to: string): void {
  edges.set(from, [...(edges.get(from) ?? []), to]);
}

function cycleViolations(
  edges: ReadonlyMap<string, readonly string[]>,
  pathOf: (node: string) => string,
): readonly Violation[] {
  return findCycles(edges).map((cycle) => ({
    path: pathOf(cycle[0] ?? ""),
    line: 1,
    message: `imports in a circle: ${[...cycle, cycle[0]].join(" > ")}`,
  }));
}
