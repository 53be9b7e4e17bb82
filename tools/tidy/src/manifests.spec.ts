// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { checkExactVersions, checkOneVersion, checkReferences } from "./manifests.ts";
import type { Tree } from "./tree.ts";

function manifests(...contents: readonly object[]): Tree {
  return new Map(
    contents.map((content, index) => [`packages/p${index}/package.json`, JSON.stringify(content)]),
  );
}

describe("the version of a dependency", () => {
  it.each(["1.2.3", "1.2.3-rc.1", "npm:typescript@7.0.2", "npm:@a/b@1.0.0"])(
    "is right when it is exact: %s",
    (version) => {
      expect(checkExactVersions(manifests({ dependencies: { a: version } }))).toEqual([]);
    },
  );

  it.each(["^1.2.3", "~1.2.3", "latest", "*", "1.2", ">=1.0.0", "npm:a@^1.0.0"])(
    "is refused when it is a range: %s",
    (version) => {
      expect(checkExactVersions(manifests({ devDependencies: { a: version } }))).toHaveLength(1);
    },
  );

  it("is the workspace's for our own packages", () => {
    const ours = (version: string): Tree =>
      manifests({ dependencies: { "@conclave/base": version } });

    expect(checkExactVersions(ours("workspace:*"))).toEqual([]);
    expect(checkExactVersions(ours("0.1.0"))).toHaveLength(1);
  });
});

describe("the version of our packages", () => {
  it("is the same for all", () => {
    const a = { name: "@conclave/a", version: "0.1.0" };

    expect(checkOneVersion(manifests(a, { name: "@conclave/b", version: "0.1.0" }))).toEqual([]);
    expect(checkOneVersion(manifests(a, { name: "@conclave/b", version: "0.2.0" }))).toHaveLength(
      1,
    );
    expect(checkOneVersion(manifests(a, { name: "other", version: "9.0.0" }))).toEqual([]);
  });
});

describe("the references of a package's compiler", () => {
  const refusals = (paths: readonly string[], dependencies: Record<string, string>): string[] => {
    const references = paths.map((path) => ({ path }));
    const tree = new Map([
      ["packages/base/package.json", JSON.stringify({ name: "@conclave/base" })],
      ["packages/fsm/package.json", JSON.stringify({ name: "@conclave/fsm", dependencies })],
      ["packages/fsm/tsconfig.json", JSON.stringify({ references })],
    ]);
    return checkReferences(tree).map(({ message }) => message);
  };

  it("are its dependencies", () => {
    const base = { "@conclave/base": "workspace:*", typescript: "6.0.3" };

    expect(refusals(["../base"], base)).toEqual([]);
    expect(refusals([], {})).toEqual([]);
    expect(refusals([], base)).toEqual(["does not refer to packages/base"]);
    expect(refusals(["../base"], {})).toEqual(["refers to @conclave/base, which is no dependency"]);
  });

  it("need not be those that the compiler makes nothing of", () => {
    const refusals = (noEmit: boolean): readonly unknown[] => {
      const page = JSON.stringify({ compilerOptions: { noEmit } });
      const dependencies = { "@conclave/console": "workspace:*" };
      const tree = new Map([
        ["apps/console/package.json", JSON.stringify({ name: "@conclave/console" })],
        ["apps/console/tsconfig.json", page],
        ["apps/server/package.json", JSON.stringify({ name: "@conclave/daemon", dependencies })],
        ["apps/server/tsconfig.json", "{}"],
      ]);
      return checkReferences(tree).map(({ message }) => message);
    };

    expect(refusals(true)).toEqual([]);
    expect(refusals(false)).toEqual(["does not refer to apps/console"]);
  });

  it("leave no package out of the root's build", () => {
    const tree = (paths: readonly string[]): Map<string, string> =>
      new Map([
        ["tsconfig.json", JSON.stringify({ references: paths.map((path) => ({ path })) })],
        ["packages/base/package.json", JSON.stringify({ name: "@conclave/base" })],
        ["packages/base/tsconfig.json", "{}"],
      ]);

    expect(checkReferences(tree(["packages/base"]))).toEqual([]);
    expect(checkReferences(tree([])).map(({ message }) => message)).toEqual([
      "does not refer to packages/base",
    ]);
  });
});
