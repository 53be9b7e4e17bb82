// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { checkFileCycles, checkLayers, checkPackageCycles } from "./imports.ts";
import type { Tree } from "./tree.ts";

const manifest = (name: string, doors: Record<string, string>, dependencies = {}): string => {
  const exports = Object.entries(doors).map(([door, file]) => [door, { "@conclave/source": file }]);
  return JSON.stringify({ name, exports: Object.fromEntries(exports), dependencies });
};

/** A workspace of a few packages, and the files that a test adds. */
function workspaceWith(files: Record<string, string>): Tree {
  const door = { ".": "./src/index.ts" };
  return new Map(
    Object.entries({
      "packages/base/package.json": manifest("@conclave/base", door),
      "packages/base/src/index.ts": "",
      "packages/api/package.json": manifest("@conclave/api", { ...door, "./s1": "./src/s1.ts" }),
      "packages/api/src/index.ts": "",
      "packages/api/src/s1.ts": "",
      "packages/raft/package.json": manifest("@conclave/raft", door),
      "packages/raft/src/index.ts": "",
      "packages/fsm/package.json": manifest("@conclave/fsm", door),
      "packages/fsm/src/index.ts": "",
      "packages/server/package.json": manifest("@conclave/server", {
        ...door,
        "./node": "./src/node/index.ts",
      }),
      "packages/server/src/index.ts": "",
      "packages/server/src/node/index.ts": "",
      "packages/client/package.json": manifest("@conclave/client", door),
      "packages/client/src/index.ts": "",
      "apps/server/package.json": manifest("@conclave/daemon", door),
      "apps/server/src/index.ts": "",
      ...files,
    }),
  );
}

function refusal(path: string, text: string, more: Record<string, string> = {}): string[] {
  return checkLayers(workspaceWith({ ...more, [path]: text })).map(({ message }) => message);
}

describe("the layer table", () => {
  it("allows a lower layer through its door", () => {
    expect(refusal("packages/fsm/src/a.ts", 'import { assert } from "@conclave/base";')).toEqual(
      [],
    );
  });

  it("refuses what stands beside or above", () => {
    const sideways = refusal("packages/fsm/src/a.ts", 'import { Host } from "@conclave/raft";');
    const upwards = refusal("packages/raft/src/a.ts", 'import { S } from "@conclave/server";');

    expect(sideways).toEqual(["fsm may not import raft (@conclave/raft)"]);
    expect(upwards).toEqual(["raft may not import server (@conclave/server)"]);
  });

  it("refuses that a package imports an app", () => {
    const found = refusal("packages/server/src/node/a.ts", 'import "@conclave/daemon";');

    expect(found).toEqual(["server/node may not import daemon (@conclave/daemon)"]);
  });

  it("counts the import of a type, a re-export and an import that is a call", () => {
    const forms = [
      'import type { Host } from "@conclave/raft";',
      'export { Host } from "@conclave/raft";',
      'type Host = import("@conclave/raft").Host;',
      'const host = import("@conclave/raft");',
    ];

    for (const form of forms) {
      expect(refusal("packages/fsm/src/a.ts", form), form).toHaveLength(1);
    }
  });

  it("layers the folders of a package too", () => {
    const node = { "packages/server/src/node/disk.ts": "" };
    const core = { "packages/raft/src/store/log.ts": "" };

    const replica = refusal("packages/server/src/replica/a.ts", 'import "../node/disk.ts";', node);
    const raft = refusal("packages/raft/src/core/a.ts", 'import "../store/log.ts";', core);

    expect(replica).toEqual(["server/replica may not import server/node (../node/disk.ts)"]);
    expect(raft).toEqual(["raft/core may not import raft/store (../store/log.ts)"]);
  });

  it("refuses a way into a package that is not one of its doors", () => {
    const deep = refusal("packages/fsm/src/a.ts", 'import "@conclave/base/src/assert.ts";');

    expect(deep).toEqual(["@conclave/base/src/assert.ts is not a door of @conclave/base"]);
  });

  it("refuses a door that leads nowhere", () => {
    const lost = { "packages/base/package.json": manifest("@conclave/base", { ".": "./gone.ts" }) };

    expect(refusal("packages/fsm/src/a.ts", 'import "@conclave/base";', lost)).toEqual([
      "@conclave/base leads to packages/base/gone.ts, which does not exist",
    ]);
  });

  it("refuses a relative import that leaves the package", () => {
    const found = refusal("packages/fsm/src/a.ts", 'import "../../base/src/index.ts";');

    expect(found).toEqual(["../../base/src/index.ts leaves the package"]);
  });

  it("lets fsm into api by the doors of what it speaks alone", () => {
    expect(refusal("packages/fsm/src/a.ts", 'import "@conclave/api/s1";')).toEqual([]);
    expect(refusal("packages/fsm/src/a.ts", 'import "@conclave/api";')).toEqual([
      "fsm may enter @conclave/api only by @conclave/api/s1, @conclave/api/log",
    ]);
  });

  it("refuses Node outside the folders that are Node's, but not in a spec", () => {
    const read = 'import { readFileSync } from "node:fs";';

    expect(refusal("packages/fsm/src/a.ts", read)).toEqual(["fsm may not import node:fs"]);
    expect(refusal("packages/fsm/src/a.spec.ts", read)).toEqual([]);
    expect(refusal("packages/server/src/node/a.ts", read)).toEqual([]);
    expect(refusal("packages/client/src/node.ts", read)).toEqual([]);
  });

  it("refuses a third-party package that the folder may not use", () => {
    const node = 'import "@connectrpc/connect-node";';

    expect(refusal("packages/server/src/rpc/a.ts", node)).toEqual([
      "server/rpc may not import the package @connectrpc/connect-node",
    ]);
    expect(refusal("packages/server/src/node/a.ts", node)).toEqual([]);
  });

  it("knows the test tools in specs only", () => {
    const vitest = 'import { it } from "vitest";';

    expect(refusal("packages/fsm/src/a.spec.ts", vitest)).toEqual([]);
    expect(refusal("packages/fsm/src/a.ts", vitest)).toEqual([
      "fsm may not import the package vitest",
    ]);
  });

  it("refuses a source that belongs to no zone", () => {
    expect(refusal("elsewhere/a.ts", 'import "vitest";')).toEqual([
      "belongs to no zone of tools/tidy/src/layers.ts",
    ]);
  });
});

describe("circles", () => {
  it("are refused between files, types included", () => {
    const tree = workspaceWith({
      "packages/fsm/src/a.ts": 'import type { B } from "./b.ts";',
      "packages/fsm/src/b.ts": 'import { a } from "./a.ts";',
    });

    expect(checkFileCycles(tree).map(({ message }) => message)).toEqual([
      "imports in a circle: packages/fsm/src/a.ts > packages/fsm/src/b.ts > packages/fsm/src/a.ts",
    ]);
  });

  it("are refused between packages, by import or by manifest", () => {
    const tree = workspaceWith({
      "packages/base/src/a.ts": 'import "@conclave/fsm";',
      "packages/fsm/package.json": manifest(
        "@conclave/fsm",
        {},
        { "@conclave/base": "workspace:*" },
      ),
    });

    expect(checkPackageCycles(tree)).toHaveLength(1);
  });

  it("are not seen where two files import the same third one", () => {
    const tree = workspaceWith({
      "packages/fsm/src/a.ts": 'import "./b.ts"; import "./c.ts";',
      "packages/fsm/src/b.ts": 'import "./c.ts";',
      "packages/fsm/src/c.ts": "",
    });

    expect(checkFileCycles(tree)).toEqual([]);
    expect(checkPackageCycles(tree)).toEqual([]);
  });
});
