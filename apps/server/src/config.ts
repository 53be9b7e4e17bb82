// SPDX-License-Identifier: Apache-2.0
/**
 * What a server is told to do. All faults are found before any is reported, and nothing is started
 * or written here.
 */

import { z } from "zod";
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
  readonly partitionCount: number;
  readonly clusterToken: string;
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  readonly logLevel: LogLevel;
  readonly corsOrigins: readonly string[];
  /** In clear text beyond loopback, as `--insecure` allowed: to be warned of. */
  readonly isExposed: boolean;
}

type LogLevel = (typeof LOG_LEVELS)[number];

export type ConfigOutcome =
  | { readonly kind: "config"; readonly config: ServerConfig }
  | { readonly kind: "help" }
  /** Each names the option, its value and what it must keep to. */
  | { readonly kind: "faults"; readonly faults: readonly string[] };

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
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
  const text = Object.fromEntries([...values].map(([name, option]) => [name, option.text]));
  const parsed = shape.safeParse(text);
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) {
      all.push(describe(String(path[0]), values, message));
    }
    return { kind: "faults", faults: all };
  }
  const options = parsed.data;
  const tls = readTls(values, readText, all);
  const isExposed = tls === undefined && !isLoopback(options.listen.host);
  if (isExposed && !options.insecure && !values.has("tls-cert") && !values.has("tls-key")) {
    const rule = "beyond loopback needs --tls-cert and --tls-key, or --insecure for clear text";
    all.push(describe("listen", values, rule));
  }
  if (all.length > 0) return { kind: "faults", faults: all };
  const config: ServerConfig = {
    node: options.node,
    ...options.listen,
    dataDirectory: options["data-dir"] ?? `.conclave/node-${options.node}`,
    partitionCount: options.partitions,
    clusterToken: options["cluster-token"],
    tls,
    logLevel: options["log-level"],
    corsOrigins: options["cors-origin"],
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
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host !== undefined && port <= 65_535) return { host, port };
  context.addIssue("must be HOST:PORT, as 127.0.0.1:7400 or [::1]:7400, the port 0 to 65535");
  return z.NEVER;
});

const origins = z.string().transform((text, context) => {
  const list = text.split(",").map((origin) => origin.trim());
  for (const origin of list.filter((each) => !isOrigin(each))) {
    context.addIssue(
      `must be origins, as https://ops.example.org without a path; ${origin} is none`,
    );
  }
  return list;
});

const shape = z.object({
  node: wholeNumber(NODE_MAX).default(1),
  listen: address.default({ host: "127.0.0.1", port: 7400 }),
  "data-dir": z.string().min(1, "must not be empty").optional(),
  partitions: wholeNumber(PARTITIONS_MAX).default(8),
  "cluster-token": z.string().max(256, "must be at most 256 characters").default(""),
  "tls-cert": z.string().min(1, "must not be empty").optional(),
  "tls-key": z.string().min(1, "must not be empty").optional(),
  insecure: z
    .enum(["true", "false"], "must be true or false")
    .transform((text) => text === "true")
    .default(false),
  "log-level": z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(", ")}`).default("info"),
  "cors-origin": origins.default([]),
});

function readTls(
  values: ReadonlyMap<string, RawOption>,
  readText: ReadText,
  faults: string[],
): ServerConfig["tls"] {
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
  return certificate === undefined || key === undefined ? undefined : { certificate, key };
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
