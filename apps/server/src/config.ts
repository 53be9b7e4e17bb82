// SPDX-License-Identifier: Apache-2.0
/**
 * What a server is told to do. All faults are found before any is reported, and nothing is started
 * or written here.
 */

import type { DialectOptions } from "@conclave/server/node";
import { z } from "zod";
import { readDialects } from "./dialect-config.ts";
import {
  type Address,
  addressText,
  isWildcard,
  type ListedMember,
  readAddress,
  readMemberList,
} from "./member-list.ts";
import {
  type Environment,
  gatherOptions,
  type RawOption,
  type ReadText,
  reasonOf,
} from "./raw-options.ts";
import { serverFlags } from "./server-flags.ts";

export interface ServerConfig {
  readonly node: number;
  readonly host: string;
  readonly port: number;
  readonly dataDirectory: string;
  /** Undefined where nobody says: 8 at the first start, later what it was then. */
  readonly partitionCount: number | undefined;
  /** Undefined where nobody says: none at the first start, later not looked at. */
  readonly clusterToken: string | undefined;
  /** The members of the first start, sorted by node. Undefined: of a cluster of one, or joining. */
  readonly members: readonly ListedMember[] | undefined;
  /** Origins of members to be asked. Empty: not to join. */
  readonly join: readonly string[];
  /** HOST:PORT where others reach this node. Undefined: where it listens. */
  readonly address: string | undefined;
  readonly tls: TlsConfig | undefined;
  readonly logLevel: LogLevel;
  readonly corsOrigins: readonly string[];
  readonly isConsoleServed: boolean;
  readonly dialects: DialectOptions;
  /** In clear text beyond loopback, as `--insecure` allowed: to be warned of. */
  readonly isExposed: boolean;
}

interface TlsConfig {
  readonly certificate: string;
  readonly key: string;
  /** Whom to trust as another member; undefined: whom the machine trusts. */
  readonly authority: string | undefined;
}

type LogLevel = (typeof LOG_LEVELS)[number];

export type ConfigOutcome =
  | { readonly kind: "config"; readonly config: ServerConfig }
  | { readonly kind: "help" }
  /** Each names the option, its value and what it must keep to. */
  | { readonly kind: "faults"; readonly faults: readonly string[] };

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
const DEFAULT_LISTEN: Address = { host: "127.0.0.1", port: 7400 };
const NODE_MAX = 65_535;
/** Every partition costs each node a Raft group; far fewer keep two cores busy. */
const PARTITIONS_MAX = 1_024;

/** Reads the configuration: flags over environment over the file that CONCLAVE_CONFIG names. */
export function loadConfig(
  argv: readonly string[],
  env: Environment,
  readText: ReadText,
): ConfigOutcome {
  const { values, faults, isHelpAsked } = gatherOptions(argv, env, readText);
  if (isHelpAsked) return { kind: "help" };
  const all = [...faults];
  const members = readMembers(values, all);
  const text = Object.fromEntries([...values].map(([name, option]) => [name, option.text]));
  const parsed = shape.safeParse(text);
  for (const { path, message } of parsed.error?.issues ?? []) {
    all.push(describe(String(path[0]), values, message));
  }
  const dialects = readDialects(text);
  if (dialects.kind === "faults") {
    for (const { flag, rule } of dialects.faults) all.push(describe(flag, values, rule));
  }
  if (!parsed.success || dialects.kind === "faults") return { kind: "faults", faults: all };
  const options = parsed.data;
  const own = members?.find(({ node }) => node === options.node);
  const listen = options.listen ?? (own && readAddress(own.address)) ?? DEFAULT_LISTEN;
  const { node, advertise } = options;
  checkPlace(values, { node, members, own, listen, reachedAt: advertise ?? listen }, all);
  const tls = readTls(values, readText, all);
  for (const url of options.join.filter((each) => new URL(each).protocol !== schemeOf(values))) {
    all.push(`--join: ${url} does not speak as this node does; all members speak TLS, or none`);
  }
  const isExposed = tls === undefined && !isLoopback(listen.host);
  if (isExposed && !options.insecure && !values.has("tls-cert") && !values.has("tls-key")) {
    const rule = "beyond loopback needs --tls-cert and --tls-key, or --insecure for clear text";
    all.push(describe("listen", values, rule));
  }
  if (all.length > 0) return { kind: "faults", faults: all };
  const config: ServerConfig = {
    node,
    ...listen,
    dataDirectory: options["data-dir"] ?? `.conclave/node-${node}`,
    partitionCount: options.partitions,
    clusterToken: options["cluster-token"],
    members,
    join: options.join,
    address: own?.address ?? (advertise && addressText(advertise)),
    tls,
    logLevel: options["log-level"],
    corsOrigins: options["cors-origin"],
    isConsoleServed: !options["no-console"],
    dialects: dialects.options,
    isExposed,
  };
  return { kind: "config", config };
}

const wholeNumber = (maximum: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `must be a whole number, 1 to ${maximum}`)
    .transform(Number)
    .refine((value) => value >= 1 && value <= maximum, `must be 1 to ${maximum}`);

const address = z.string().transform((text, context) => {
  const found = readAddress(text);
  if (found !== undefined) return found;
  context.addIssue("must be HOST:PORT, as 127.0.0.1:7400 or [::1]:7400, the port 0 to 65535");
  return z.NEVER;
});

const origins = (example: string) =>
  z.string().transform((text, context) => {
    const list = text.split(",").map((origin) => origin.trim());
    for (const origin of list.filter((each) => !isOrigin(each))) {
      context.addIssue(`must be origins, as ${example} without a path; ${origin} is none`);
    }
    return list;
  });

const toggle = z
  .enum(["true", "false"], "must be true or false")
  .transform((text) => text === "true")
  .default(false);

const shape = z.object({
  node: wholeNumber(NODE_MAX).default(1),
  listen: address.optional(),
  join: origins("http://10.0.0.1:7400").default([]),
  advertise: address.optional(),
  "data-dir": z.string().min(1, "must not be empty").optional(),
  partitions: wholeNumber(PARTITIONS_MAX).optional(),
  "cluster-token": z.string().max(256, "must be at most 256 characters").optional(),
  "tls-cert": z.string().min(1, "must not be empty").optional(),
  "tls-key": z.string().min(1, "must not be empty").optional(),
  "tls-ca": z.string().min(1, "must not be empty").optional(),
  insecure: toggle,
  "log-level": z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(", ")}`).default("info"),
  "cors-origin": origins("https://ops.example.org").default([]),
  "no-console": toggle,
});

function readMembers(
  values: ReadonlyMap<string, RawOption>,
  faults: string[],
): readonly ListedMember[] | undefined {
  const option = values.get("cluster");
  if (option === undefined) return undefined;
  const outcome = readMemberList(option.text);
  if (outcome.kind === "list") return outcome.members;
  for (const fault of outcome.faults) faults.push(`${option.origin}: ${fault}`);
  return undefined;
}

interface Place {
  readonly node: number;
  readonly members: readonly ListedMember[] | undefined;
  /** The entry of this node in the list. */
  readonly own: ListedMember | undefined;
  readonly listen: Address;
  /** Where others are told that it is, if it joins. */
  readonly reachedAt: Address;
}

/** Whether this node is where the others will look for it. */
function checkPlace(
  values: ReadonlyMap<string, RawOption>,
  { node, members, own, listen, reachedAt }: Place,
  faults: string[],
): void {
  const cluster = values.get("cluster");
  if (cluster !== undefined && values.has("join")) {
    faults.push(
      "--join: not beside --cluster; one begins a cluster, the other enters a running one",
    );
  }
  if (values.has("advertise") && !values.has("join")) {
    faults.push("--advertise: only beside --join; a list has this node's address");
  }
  if (values.has("join")) {
    for (const name of ["partitions", "cluster-token"].filter((each) => values.has(each))) {
      faults.push(describe(name, values, "not beside --join: the cluster that is joined has it"));
    }
    if (isWildcard(reachedAt.host) || reachedAt.port === 0) {
      const rule = "needs --advertise HOST:PORT, or others cannot reach this node";
      faults.push(describe(values.has("advertise") ? "advertise" : "listen", values, rule));
    }
  }
  if (members === undefined || cluster === undefined) return;
  const list = members.map((member) => `${member.node}=${member.address}`).join(",");
  if (own === undefined) {
    faults.push(`${cluster.origin}: node ${node} is not in the list ${list}; choose by --node`);
  } else if (readAddress(own.address)?.port !== listen.port) {
    const entry = `"${own.node}=${own.address}"`;
    const rule = `must have the port of this node's entry in --cluster, ${entry}`;
    faults.push(describe("listen", values, rule));
  }
}

function readTls(
  values: ReadonlyMap<string, RawOption>,
  readText: ReadText,
  faults: string[],
): TlsConfig | undefined {
  const read = (name: string, other: string): string | undefined => {
    const option = values.get(name);
    if (option === undefined) {
      if (values.has(other)) faults.push(`--${other}: needs --${name} beside it`);
      return undefined;
    }
    try {
      return readText(option.text);
    } catch (error) {
      faults.push(describe(name, values, `cannot be read: ${reasonOf(error)}`));
      return undefined;
    }
  };
  const certificate = read("tls-cert", "tls-key");
  const key = read("tls-key", "tls-cert");
  const authority = values.has("tls-ca") ? read("tls-ca", "tls-ca") : undefined;
  if (values.has("tls-ca") && !values.has("tls-cert")) {
    faults.push("--tls-ca: needs --tls-cert and --tls-key beside it");
  }
  if (certificate === undefined || key === undefined) return undefined;
  return { certificate, key, authority };
}

function schemeOf(values: ReadonlyMap<string, RawOption>): "https:" | "http:" {
  return values.has("tls-cert") || values.has("tls-key") ? "https:" : "http:";
}

/** `--partitions 0: must be 1 to 1024`; a secret's value is left out. */
function describe(name: string, values: ReadonlyMap<string, RawOption>, rule: string): string {
  const option = values.get(name);
  if (option === undefined) return `--${name}: ${rule}`;
  const isSecret = serverFlags.some((flag) => flag.name === name && flag.isSecret === true);
  return isSecret ? `${option.origin}: ${rule}` : `${option.origin} ${option.text}: ${rule}`;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function isOrigin(text: string): boolean {
  try {
    const url = new URL(text);
    return url.origin === text && (url.protocol === "https:" || url.protocol === "http:");
  } catch {
    return false;
  }
}
