// SPDX-License-Identifier: Apache-2.0
/** Rules for package.json files: what is installed is what is written, and we release as one. */

import type { Manifest } from "./packages.ts";
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
