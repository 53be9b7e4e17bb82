// SPDX-License-Identifier: Apache-2.0
import { defaultDialectOptions } from "@conclave/server/node";
import { describe, expect, test } from "vitest";
import { loadConfig, type ServerConfig } from "./config.ts";
import type { Environment } from "./raw-options.ts";
import { serverFlags, variableOf } from "./server-flags.ts";

const files: Readonly<Record<string, string>> = {
  "server.json": `{"node": 3, "listen": "127.0.0.1:7403", "insecure": true, "cors-origin": ["https://a.example", "https://b.example"]}`,
  "broken.json": "{",
  "list.json": "[]",
  "nested.json": `{"node": {"id": 1}}`,
  "unknown.json": `{"nodes": 3}`,
  "dialects.json": `{"dialects": ["s2"], "dialects.s3.cache": true, "dialect-grace": "2s"}`,
  "cert.pem": "CERT",
  "key.pem": "KEY",
};

function readText(path: string): string {
  const text = files[path];
  if (text === undefined) throw new Error("no such file");
  return text;
}

const load = (argv: string, env: Environment = {}) =>
  loadConfig(argv === "" ? [] : argv.split(" "), env, readText);

function configOf(argv: string, env: Environment = {}): ServerConfig {
  const outcome = load(argv, env);
  if (outcome.kind !== "config") throw new Error(JSON.stringify(outcome));
  return outcome.config;
}

function faultsOf(argv: string, env: Environment = {}): readonly string[] {
  const outcome = load(argv, env);
  return outcome.kind === "faults" ? outcome.faults : [];
}

describe("what nobody says", () => {
  test("is one node on loopback with eight partitions", () => {
    expect(configOf("")).toEqual({
      node: 1,
      host: "127.0.0.1",
      port: 7400,
      dataDirectory: ".conclave/node-1",
      partitionCount: undefined,
      clusterToken: undefined,
      members: undefined,
      join: [],
      address: undefined,
      tls: undefined,
      logLevel: "info",
      corsOrigins: [],
      isConsoleServed: true,
      dialects: defaultDialectOptions,
      isExposed: false,
    });
  });

  test("a data directory follows the node's number", () => {
    expect(configOf("--node 7").dataDirectory).toBe(".conclave/node-7");
  });
});

describe("where options come from", () => {
  const env = { CONCLAVE_CONFIG: "server.json" };

  test("a file gives numbers, text, switches and lists", () => {
    const config = configOf("", env);
    expect(config).toMatchObject({ node: 3, port: 7403 });
    expect(config.corsOrigins).toEqual(["https://a.example", "https://b.example"]);
  });

  test("the environment wins over the file, and a flag over both", () => {
    const both = { ...env, CONCLAVE_SERVER_NODE: "4" };
    expect(configOf("", both).node).toBe(4);
    expect(configOf("--node 5", both).node).toBe(5);
  });

  test("a repeated list gathers, any other repeated flag takes the last", () => {
    const config = configOf(
      "--cors-origin https://a.example --cors-origin=https://b.example --node 1 --node 2",
    );
    expect(config.corsOrigins).toEqual(["https://a.example", "https://b.example"]);
    expect(config.node).toBe(2);
  });

  test("every flag is read from its variable", () => {
    const values: Readonly<Record<string, string>> = {
      node: "9",
      cluster: "9=[::1]:7409,10=h:1",
      listen: "[::]:7409",
      "data-dir": "/data",
      partitions: "16",
      "cluster-token": "secret",
      "tls-cert": "cert.pem",
      "tls-key": "key.pem",
      "tls-ca": "cert.pem",
      insecure: "true",
      "log-level": "debug",
      "cors-origin": "http://localhost:5173",
      "no-console": "true",
      dialects: "s4,s1",
      "dialect-grace": "1.5s",
      "dialects.s0.namespace": "a",
      "dialects.s1.namespace": "b",
      "dialects.s2.namespace": "c",
      "dialects.s3.namespace": "d",
      "dialects.s4.namespace": "e",
      "dialects.s0.database": "db",
      "dialects.s3.cache": "true",
      "dialects.s4.kind": "election",
    };
    const joining = ["join", "advertise"];
    const flags = serverFlags.filter(({ name }) => !joining.includes(name));
    const given = Object.fromEntries(flags.map((flag) => [variableOf(flag), values[flag.name]]));
    expect(configOf("", given)).toEqual({
      node: 9,
      host: "::",
      port: 7409,
      members: [
        { node: 9, address: "[::1]:7409" },
        { node: 10, address: "h:1" },
      ],
      join: [],
      address: "[::1]:7409",
      dataDirectory: "/data",
      partitionCount: 16,
      clusterToken: "secret",
      tls: { certificate: "CERT", key: "KEY", authority: "CERT" },
      logLevel: "debug",
      corsOrigins: ["http://localhost:5173"],
      isConsoleServed: false,
      dialects: {
        served: ["s1", "s4"],
        graceMs: 1_500,
        database: "db",
        isCacheEnabled: true,
        s0: { namespace: "a", kind: "election" },
        s1: { namespace: "b", kind: "election" },
        s2: { namespace: "c", kind: "election" },
        s3: { namespace: "d", kind: "election" },
        s4: { namespace: "e", kind: "election" },
      },
      isExposed: false,
    });
  });

  test("--help asks for help, whatever else is wrong", () => {
    expect(load("--partitions 0 --help").kind).toBe("help");
    expect(load("-h").kind).toBe("help");
  });
});

const three = "1=10.0.0.1:7401,2=10.0.0.2:7402,3=[fd00::3]:7403";

describe("older protocols", () => {
  test("are served as listed, in pieces too, or not at all", () => {
    expect(configOf("--dialects s3,s0").dialects.served).toEqual(["s0", "s3"]);
    expect(configOf("--dialects s3 --dialects s0").dialects.served).toEqual(["s0", "s3"]);
    expect(configOf("--dialects none").dialects.served).toEqual([]);
  });

  test.each([
    ["500ms", 500],
    ["10s", 10_000],
    ["1h", 3_600_000],
  ])("a grace of %s is %i ms", (text, graceMs) => {
    expect(configOf(`--dialect-grace ${text}`).dialects.graceMs).toBe(graceMs);
  });

  test("a place that one option changes keeps the rest", () => {
    const { s3, s4 } = configOf("--dialects.s4.kind election --dialects.s3.namespace x").dialects;
    expect(s4).toEqual({ namespace: "default", kind: "election" });
    expect(s3).toEqual({ namespace: "x", kind: "election" });
  });

  test("their options come from a file under the same names", () => {
    const { dialects } = configOf("", { CONCLAVE_CONFIG: "dialects.json" });
    expect(dialects).toMatchObject({ served: ["s2"], isCacheEnabled: true, graceMs: 2_000 });
  });
});

describe("a first start with others", () => {
  test("listens where the list has it, unless told otherwise", () => {
    const listed = configOf(`--node 3 --insecure --cluster ${three}`);
    expect(listed).toMatchObject({ host: "fd00::3", port: 7403, address: "[fd00::3]:7403" });
    const anywhere = configOf(`--node 3 --insecure --listen 0.0.0.0:7403 --cluster ${three}`);
    expect(anywhere).toMatchObject({ host: "0.0.0.0", port: 7403, address: "[fd00::3]:7403" });
  });

  test("takes the list in any order and in pieces", () => {
    const pieces = "--cluster 2=b:2 --cluster 1=a:1 --insecure";
    expect(configOf(pieces).members).toEqual([
      { node: 1, address: "a:1" },
      { node: 2, address: "b:2" },
    ]);
  });

  test.each([
    ["--node 4", `--cluster: node 4 is not in the list ${three}; choose by --node`],
    [
      "--node 2 --listen 10.0.0.2:7400",
      `--listen 10.0.0.2:7400: must have the port of this node's entry in --cluster, "2=10.0.0.2:7402"`,
    ],
    ["--join http://a:1", "--join: not beside --cluster"],
    ["--advertise a:1", "--advertise: only beside --join"],
  ])("is refused with %s", (argv, fault) => {
    expect(faultsOf(`--insecure --cluster ${three} ${argv}`).join("\n")).toContain(fault);
  });
});

describe("joining", () => {
  test("says where the others find this node: where it listens, or as it is told", () => {
    const asked = "--join http://a:1,http://b:2";
    expect(configOf(`--node 4 ${asked}`)).toMatchObject({
      join: ["http://a:1", "http://b:2"],
      members: undefined,
      address: undefined,
    });
    const told = `--insecure --listen 0.0.0.0:7404 --advertise 10.0.0.4:80 ${asked}`;
    expect(configOf(told).address).toBe("10.0.0.4:80");
  });

  test.each([
    ["--listen 127.0.0.1:0", "--listen 127.0.0.1:0: needs --advertise HOST:PORT"],
    ["--listen [::]:7400 --insecure", "--listen [::]:7400: needs --advertise HOST:PORT"],
    ["--advertise 0.0.0.0:1", "--advertise 0.0.0.0:1: needs --advertise HOST:PORT"],
    ["--partitions 8", "--partitions 8: not beside --join"],
    ["--cluster-token t", "--cluster-token: not beside --join"],
    ["--join https://b:2", "--join: https://b:2 does not speak as this node does"],
    [
      "--tls-cert cert.pem --tls-key key.pem",
      "--join: http://a:1 does not speak as this node does",
    ],
    ["--join 10.0.0.1:7400", "must be origins, as http://10.0.0.1:7400 without a path"],
  ])("is refused with %s", (argv, fault) => {
    expect(faultsOf(`--join http://a:1 ${argv}`).join("\n")).toContain(fault);
  });
});

describe("beyond loopback", () => {
  test.each(["127.0.0.1:1", "127.8.9.1:1", "localhost:1", "[::1]:1"])(
    "%s is loopback",
    (listen) => {
      expect(configOf(`--listen ${listen}`).isExposed).toBe(false);
    },
  );

  test.each(["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "127.example.org:1"])("%s is not", (listen) => {
    expect(faultsOf(`--listen ${listen}`)).toEqual([
      `--listen ${listen}: beyond loopback needs --tls-cert and --tls-key, or --insecure for clear text`,
    ]);
    expect(configOf(`--listen ${listen} --insecure`).isExposed).toBe(true);
    expect(configOf(`--listen ${listen} --tls-cert cert.pem --tls-key key.pem`).isExposed).toBe(
      false,
    );
  });
});

describe("faults", () => {
  test.each<[string, Environment, string]>([
    ["--node 0", {}, "--node 0: must be 1 to 65535"],
    ["--node x", {}, "--node x: must be a whole number, 1 to 65535"],
    ["--node -1", {}, "--node -1: must be a whole number, 1 to 65535"],
    ["--node=", {}, "--node : must be a whole number, 1 to 65535"],
    ["--partitions 1025", {}, "--partitions 1025: must be 1 to 1024"],
    ["--partitions 1e3", {}, "--partitions 1e3: must be a whole number, 1 to 1024"],
    ["--listen 7400", {}, "--listen 7400: must be HOST:PORT"],
    ["--listen :7400", {}, "--listen :7400: must be HOST:PORT"],
    ["--listen h:65536", {}, "--listen h:65536: must be HOST:PORT"],
    ["--listen ::1:7400", {}, "--listen ::1:7400: must be HOST:PORT"],
    ["--data-dir=", {}, "--data-dir : must not be empty"],
    ["--log-level loud", {}, "--log-level loud: must be one of trace, debug, info"],
    ["--cors-origin *", {}, "--cors-origin *: must be origins"],
    ["--cors-origin https://a.example/x", {}, "https://a.example/x is none"],
    ["--dialects s5", {}, "--dialects s5: must be none or some of s0,s1,s2,s3,s4; s5 is not"],
    ["--dialects none,s1", {}, "none is not"],
    ["--dialect-grace 499ms", {}, "--dialect-grace 499ms: must be 500ms to 1h"],
    ["--dialect-grace 61m", {}, "--dialect-grace 61m: must be 500ms to 1h"],
    ["--dialect-grace 10", {}, "--dialect-grace 10: must be 500ms to 1h, a number with its unit"],
    ["--dialects.s3.namespace=", {}, "--dialects.s3.namespace : must be 1 to 256 bytes"],
    ["--dialects.s3.cache 1", {}, "--dialects.s3.cache 1: must be true or false"],
    ["--dialects.s4.kind lock", {}, "--dialects.s4.kind lock: must be election or latch"],
    ["--dialects.s3.kind latch", {}, "--dialects.s3.kind: no such option"],
    ["--tls-cert cert.pem", {}, "--tls-cert: needs --tls-key beside it"],
    ["--tls-key key.pem", {}, "--tls-key: needs --tls-cert beside it"],
    ["--tls-ca cert.pem", {}, "--tls-ca: needs --tls-cert and --tls-key beside it"],
    ["--tls-cert no.pem --tls-key key.pem", {}, "--tls-cert no.pem: cannot be read: no such file"],
    ["--insecure=yes", {}, "--insecure: takes no value"],
    ["--no-console=yes", {}, "--no-console: takes no value"],
    ["--console", {}, "--console: no such option; did you mean --no-console?"],
    ["--node", {}, "--node: needs a value, --node N"],
    ["--data-dir --insecure", {}, "--data-dir: needs a value, --data-dir DIR"],
    ["--partition 4", {}, "--partition: no such option; did you mean --partitions?"],
    ["--zzzzzzzz", {}, "--zzzzzzzz: no such option; --help lists all"],
    ["start", {}, "start: takes no arguments, only options"],
    ["", { CONCLAVE_SERVER_PARTITIONS: "0" }, "CONCLAVE_SERVER_PARTITIONS 0: must be 1 to 1024"],
    ["", { CONCLAVE_SERVER_INSECURE: "1" }, "CONCLAVE_SERVER_INSECURE 1: must be true or false"],
    ["", { CONCLAVE_SERVER_PORT: "1" }, "CONCLAVE_SERVER_PORT: no such option"],
    ["", { CONCLAVE_CONFIG: "no.json" }, "CONCLAVE_CONFIG no.json: no such file"],
    ["", { CONCLAVE_CONFIG: "broken.json" }, "CONCLAVE_CONFIG broken.json: "],
    ["", { CONCLAVE_CONFIG: "list.json" }, "list.json: must be an object"],
    ["", { CONCLAVE_CONFIG: "nested.json" }, "nested.json: node: must be text, a number or a list"],
    [
      "",
      { CONCLAVE_CONFIG: "unknown.json" },
      "unknown.json: nodes: no such option; did you mean node?",
    ],
  ])("%s %o is refused by name, value and bound", (argv, env, fault) => {
    const faults = faultsOf(argv, env);
    expect(faults.join("\n")).toContain(fault);
  });

  test("are all told at once", () => {
    const env = { CONCLAVE_SERVER_PORT: "1", CONCLAVE_CONFIG: "broken.json" };
    const faults = faultsOf("--node 0 --partitions 0 --listn x --log-level loud", env);
    expect(faults.map((fault) => fault.split(" ")[0])).toEqual([
      "CONCLAVE_CONFIG",
      "CONCLAVE_SERVER_PORT:",
      "--listn:",
      "x:",
      "--node",
      "--partitions",
      "--log-level",
    ]);
  });

  test("never show a secret", () => {
    const token = "s3cret".repeat(50);
    const faults = faultsOf(`--cluster-token ${token}`);
    expect(faults).toEqual(["--cluster-token: must be at most 256 characters"]);
  });
});
