// SPDX-License-Identifier: Apache-2.0
/**
 * The layer table: which part of the workspace may import which. This file is data; `imports.ts`
 * enforces it, and docs/ARCHITECTURE.md explains it.
 *
 * An import goes to a lower layer only. `import type` counts: a type is knowledge too.
 */

/** A part of the workspace with one set of rights. */
export interface Zone {
  readonly name: string;
  /** Which files belong to it. The first zone in the table that fits a file has it. */
  readonly files: RegExp;
  /** The zones that its files may import, besides their own. */
  readonly zones: readonly string[];
  /** The third-party packages that its files may import at run time. */
  readonly packages: readonly string[];
  /** Whether `node:` modules and the machine's clock, chance and timers may be used. */
  readonly machine: Machine;
}

/** `none`: pure. `globals`: timers and clocks of any JavaScript runtime. `node`: all of Node. */
export type Machine = "none" | "globals" | "node";

const PROTOBUF = "@bufbuild/protobuf";
const CONNECT = "@connectrpc/connect";
const BROWSERS = ["axe-core", "playwright-core", "vite"];
const FOREIGN_CLIENTS = ["@grpc/grpc-js", "@grpc/proto-loader", "selfsigned"];
const BELOW_CORE = ["raft/contract", "raft/quorum", "raft/log"];
const RAFT = [...BELOW_CORE, "raft/core", "raft/store", "raft/memory", "raft"];
const SERVER = [
  "server/wire",
  "server/replica",
  "server/peer",
  "server/rpc",
  "server/member",
  "server",
  "server/node",
];
const CLIENT = ["client/node", "client/web", "client/door", "client"];
const BELOW_SERVER = ["base", "api", "fsm", ...RAFT];
const TESTING = ["testing", "testing/world", "testing/history"];
const EVERYTHING = [...BELOW_SERVER, ...SERVER, ...CLIENT, ...TESTING, "daemon"];

/** The table, from the floor up; within a package its particular folders come before the rest. */
const ZONES: readonly Zone[] = [
  zone("base", /^packages\/base\//, [], []),
  zone("api", /^packages\/api\//, [], [PROTOBUF]),
  zone("fsm", /^packages\/fsm\//, ["base", "api"], [PROTOBUF]),

  zone("raft/contract", /^packages\/raft\/src\/(ids|group)\.ts$/, [], []),
  zone("raft/quorum", /^packages\/raft\/src\/quorum\//, ["base", "raft/contract"], []),
  zone("raft/log", /^packages\/raft\/src\/log\//, ["base", "raft/contract"], []),
  zone("raft/core", /^packages\/raft\/src\/core\//, ["base", ...BELOW_CORE], []),
  zone("raft/store", /^packages\/raft\/src\/store\//, ["base", ...BELOW_CORE, "raft/core"], []),
  zone("raft/golden", /^packages\/raft\/src\/golden\//, ["base", ...BELOW_CORE, "raft/core"], []),
  zone("raft/memory", /^packages\/raft\/src\/memory\//, ["base", ...RAFT], []),
  zone("raft", /^packages\/raft\//, ["base", ...BELOW_CORE, "raft/core", "raft/store"], []),

  zone(
    "client/node",
    /^packages\/client\/src\/node[^/]*\.ts$/,
    ["base", "api", ...CLIENT],
    [PROTOBUF, CONNECT, "@connectrpc/connect-node"],
    "node",
  ),
  zone(
    "client/web",
    /^packages\/client\/src\/web[^/]*\.ts$/,
    ["base", "api", ...CLIENT],
    [PROTOBUF, CONNECT, "@connectrpc/connect-web"],
    "globals",
  ),
  zone("client/door", /^packages\/client\/src\/index\.ts$/, ["base", "api", ...CLIENT], []),
  zone("client", /^packages\/client\//, ["base", "api"], [PROTOBUF, CONNECT]),

  zone("server/replica", /^packages\/server\/src\/replica\//, BELOW_SERVER, [
    PROTOBUF,
    "@noble/hashes",
  ]),
  zone(
    "server/wire",
    /^packages\/server\/src\/wire\//,
    [...BELOW_SERVER, "server/replica"],
    [PROTOBUF, CONNECT, "@noble/hashes"],
  ),
  zone(
    "server/peer",
    /^packages\/server\/src\/peer\//,
    [...BELOW_SERVER, "server/replica", "server/wire"],
    [PROTOBUF],
  ),
  zone(
    "server/rpc",
    /^packages\/server\/src\/rpc\//,
    [...BELOW_SERVER, "server/replica", "server/wire"],
    [PROTOBUF, CONNECT],
  ),
  zone(
    "server/member",
    /^packages\/server\/src\/member\//,
    [...BELOW_SERVER, "server/replica", "server/wire", "server/peer", "server/rpc"],
    [PROTOBUF, CONNECT, "@noble/hashes"],
  ),
  zone(
    "server/node",
    /^packages\/server\/src\/node\//,
    [...BELOW_SERVER, ...SERVER],
    [PROTOBUF, CONNECT, "@connectrpc/connect-node", "@noble/hashes", "prom-client"],
    "node",
  ),
  zone(
    "server",
    /^packages\/server\//,
    [...BELOW_SERVER, "server/wire", "server/replica", "server/peer", "server/rpc"],
    [PROTOBUF, CONNECT],
  ),

  // Clients that others wrote, for end-to-end specs: neither built nor published.
  zone(
    "testing/foreign",
    /^packages\/testing\/src\/foreign\//,
    [...EVERYTHING, "testing/process"],
    [...FOREIGN_CLIENTS, "vitest"],
    "node",
  ),
  zone("testing/history", /^packages\/testing\/src\/history\//, ["base"], []),
  zone(
    "testing/world",
    /^packages\/testing\/src\/world\//,
    [
      ...BELOW_SERVER,
      "server/wire",
      "server/replica",
      "server/peer",
      "server/rpc",
      "server/member",
      "server",
      "client",
      "testing/history",
    ],
    [PROTOBUF, CONNECT],
  ),
  zone(
    "testing/process",
    /^packages\/testing\/src\/(cluster|main)/,
    [...BELOW_SERVER, ...SERVER, ...CLIENT, ...TESTING],
    [PROTOBUF, CONNECT],
    "node",
  ),
  zone(
    "testing",
    /^packages\/testing\//,
    [...BELOW_SERVER, ...SERVER, ...CLIENT, ...TESTING, "testing/process"],
    [PROTOBUF, CONNECT],
  ),

  zone("daemon", /^apps\/server\//, ["base", ...SERVER], ["pino", "zod"], "node"),
  // What end-to-end specs share; neither built nor published.
  zone("cli/e2e", /^apps\/cli\/src\/e2e\//, [...EVERYTHING, "cli"], ["vitest"], "node"),
  zone("cli/page", /^apps\/cli\/src\/browser\/page\//, CLIENT, [], "globals"),
  zone(
    "cli/browser",
    /^apps\/cli\/src\/browser\//,
    [...EVERYTHING, "cli", "cli/e2e", "cli/page"],
    [...BROWSERS, "selfsigned", "vitest"],
    "node",
  ),
  zone(
    "cli",
    /^apps\/cli\//,
    ["base", ...CLIENT, "daemon"],
    ["cli-table3", "commander", "picocolors"],
    "node",
  ),
  zone("console", /^apps\/console\//, CLIENT, ["preact", "uplot", "vite"], "globals"),
  zone("examples", /^examples\//, CLIENT, [], "node"),
  zone(
    "bench",
    /^bench\//,
    EVERYTHING,
    [PROTOBUF, CONNECT, "@connectrpc/connect-node", ...FOREIGN_CLIENTS, "cli-table3"],
    "node",
  ),
  zone("smoke", /^tools\/smoke\//, [], [], "node"),
  zone("tools", /^tools\//, EVERYTHING, ["typescript"], "node"),
  zone("workspace", /^(scripts\/[^/]+\.mjs|vitest\.config\.ts)$/, [], ["vite", "vitest"], "node"),
];

/** What the specs of some folders may import beyond the rights of the files they stand beside. */
export interface SpecRights {
  readonly files: RegExp;
  readonly zones: readonly string[];
  readonly packages: readonly string[];
}

/** Specs of servers speak to them over the wire, with our SDK and with clients that others wrote. */
export const SPEC_RIGHTS: readonly SpecRights[] = [
  { files: /^packages\/raft\/src\/core\//, zones: ["raft/golden"], packages: [] },
  { files: /./, zones: [], packages: ["vitest", "fast-check"] },
  {
    files: /^packages\/(server|testing)\//,
    zones: CLIENT,
    packages: [PROTOBUF, CONNECT, "@connectrpc/connect-node", ...FOREIGN_CLIENTS],
  },
  {
    files: /^apps\//,
    zones: [...EVERYTHING, "cli/e2e", "cli/browser"],
    packages: [PROTOBUF, CONNECT, "@connectrpc/connect-node", ...FOREIGN_CLIENTS],
  },
];

/** A zone that sees a package only through some of its doors: not all of a wire is its business. */
export const DOORS: Readonly<Record<string, readonly string[]>> = {
  "fsm>api": ["@conclave/api/s1", "@conclave/api/log"],
  "server/replica>api": ["@conclave/api/s1", "@conclave/api/log", "@conclave/api/forward"],
  "server/peer>api": ["@conclave/api/peer"],
};

/** The zone that has a file, if any has. */
export function zoneOf(path: string): Zone | undefined {
  return ZONES.find((candidate) => candidate.files.test(path));
}

function zone(
  name: string,
  files: RegExp,
  zones: readonly string[],
  packages: readonly string[],
  machine: Machine = "none",
): Zone {
  return { name, files, zones, packages, machine };
}
