// SPDX-License-Identifier: Apache-2.0
/** Rules for package.json files: what is installed is what is written, and we release as one. */

import { listPackages, type Manifest } from "./packages.ts";
import type { Tree, Violation } from "./tree.ts";

const EXACT = /^(npm:(@[\w-]+\/)?[\w.-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/;

/** Dependencies are exact versions, or `workspace:*` for our own packages. */
export function checkExactVersions(tree: Tree): readonly Violation[] {
  return eachManifest(tree, (manifest) => {
    const messages: string[] = [];
    const lists = [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies];
    for (const [name, version] of lists.flatMap((list) => Object.entries(list ?? {}))) {
      const isOurs = name.startsWith("@conclave/");
      const isRight = isOurs ? version === "workspace:*" : EXACT.test(version);
      if (!isRight) messages.push(`${name} ${version} is not ${isOurs ? "workspace:*" : "exact"}`);
    }
    return messages;
  });
}

/** All @conclave packages carry one version. */
export function checkOneVersion(tree: Tree): readonly Violation[] {
  let first: string | undefined;
  return eachManifest(tree, ({ name, version }) => {
    if (!name?.startsWith("@conclave/")) return [];
    first ??= version;
    return version === first && version !== undefined
      ? []
      : [`${name} has version ${version}, others ${first}`];
  });
}

/**
 * What a package's tsconfig.json refers to is what its manifest depends on, and the root's refers to every
 * package: the build goes along the references, and what they leave out is never built or checked. What
 * the compiler makes nothing of, as a page that another tool builds, only the root's can refer to.
 */
export function checkReferences(tree: Tree): readonly Violation[] {
  const packages = listPackages(tree);
  const violations: Violation[] = [];
  const root = tree.get("tsconfig.json");
  for (const { folder, manifest } of packages) {
    const path = `${folder}/tsconfig.json`;
    if (root !== undefined && tree.has(path) && !root.includes(`"${folder}"`)) {
      violations.push({ path: "tsconfig.json", line: 1, message: `does not refer to ${folder}` });
    }
    const text = tree.get(path);
    if (text === undefined) continue;
    const { references = [] } = JSON.parse(text) as CompilerConfig;
    const referred = references.map(({ path: to }) => resolveFolder(folder, to));
    const needed = packages.filter(
      (one) => one.name in (manifest.dependencies ?? {}) && isEmitted(tree, one.folder),
    );
    const known = { ...manifest.dependencies, ...manifest.devDependencies };
    for (const { folder: missing } of needed.filter((one) => !referred.includes(one.folder))) {
      violations.push({ path, line: 1, message: `does not refer to ${missing}` });
    }
    for (const { name } of packages.filter((one) => referred.includes(one.folder))) {
      if (name in known) continue;
      violations.push({ path, line: 1, message: `refers to ${name}, which is no dependency` });
    }
  }
  return violations;
}

interface CompilerConfig {
  readonly compilerOptions?: { readonly noEmit?: boolean };
  readonly references?: readonly { readonly path: string }[];
}

function isEmitted(tree: Tree, folder: string): boolean {
  const config = JSON.parse(tree.get(`${folder}/tsconfig.json`) ?? "{}") as CompilerConfig;
  return config.compilerOptions?.noEmit !== true;
}

function resolveFolder(from: string, relative: string): string {
  const segments = from.split("/");
  for (const segment of relative.split("/")) {
    if (segment === "..") segments.pop();
    else segments.push(segment);
  }
  return segments.join("/");
}

function eachManifest(
  tree: Tree,
  check: (manifest: Manifest) => readonly string[],
): readonly Violation[] {
  const violations: Violation[] = [];
  for (const [path, text] of tree) {
    if (path !== "package.json" && !path.endsWith("/package.json")) continue;
    for (const message of check(JSON.parse(text) as Manifest)) {
      violations.push({ path, line: 1, message });
    }
  }
  return violations;
}
