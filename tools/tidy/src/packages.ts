// SPDX-License-Identifier: Apache-2.0
/** The packages of the workspace as their manifests describe them. */

import type { Tree } from "./tree.ts";

export interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface WorkspacePackage {
  readonly name: string;
  /** Its path from the root, for instance `packages/base`. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** The source file behind each subpath that it exports, for instance `./memory`. */
  readonly doors: ReadonlyMap<string, string>;
}

/** All packages below the root, which itself is none. */
export function listPackages(tree: Tree): readonly WorkspacePackage[] {
  const found: WorkspacePackage[] = [];
  for (const [path, text] of tree) {
    if (!path.endsWith("/package.json")) continue;
    const folder = path.slice(0, -"/package.json".length);
    const manifest = JSON.parse(text) as Manifest;
    found.push({
      name: manifest.name ?? folder,
      folder,
      manifest,
      doors: doorsOf(folder, manifest),
    });
  }
  return found;
}

function doorsOf(folder: string, manifest: Manifest): ReadonlyMap<string, string> {
  const doors = new Map<string, string>();
  for (const [subpath, target] of Object.entries(manifest.exports ?? {})) {
    const file = typeof target === "string" ? target : sourceOf(target);
    if (file !== undefined) doors.set(subpath, `${folder}/${file.replace(/^\.\//, "")}`);
  }
  return doors;
}

/** The source condition may stand below another one, such as `browser`. */
function sourceOf(target: unknown): string | undefined {
  if (typeof target !== "object" || target === null) return undefined;
  for (const [condition, value] of Object.entries(target)) {
    if (condition === "@conclave/source" && typeof value === "string") return value;
    const nested = sourceOf(value);
    if (nested !== undefined) return nested;
  }
  return undefined;
}
