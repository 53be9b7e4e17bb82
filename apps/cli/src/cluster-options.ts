// SPDX-License-Identifier: Apache-2.0
/** The options that every command talking to a cluster takes, and the client that they lead to. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "@conclave/client";
import type { ClusterAdmin } from "@conclave/client/cluster";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { CliContext } from "./cli-context.ts";
import { parseDuration } from "./duration.ts";
import { chooseEndpoints, ENDPOINTS_FILE } from "./endpoints.ts";
import { CliError, EXIT, type ExitCode } from "./exit-code.ts";

/** Shorter than the SDK's: somebody sits and waits, and a service manager starts us again. */
const CONNECT_TIMEOUT_MS = 2000;

export interface ClusterOptions {
  readonly endpoint?: string;
  readonly namespace?: string;
}

export interface OutputOptions {
  readonly output: "human" | "json";
}

/** Adds `--endpoint` and `--namespace`. The token comes from the environment only: see `tokenOf`. */
export function addClusterOptions(command: Command): Command {
  return addEndpointOption(command).option(
    "--namespace <name>",
    'the namespace (default: CONCLAVE_NAMESPACE, else "default")',
  );
}

/** Adds `--endpoint`. */
export function addEndpointOption(command: Command): Command {
  return command.option(
    "--endpoint <url[,url...]>",
    "nodes of the cluster (default: CONCLAVE_ENDPOINTS, else .conclave/endpoints, else http://127.0.0.1:7400)",
  );
}

/** Adds `-o`. */
export function addOutputOption(command: Command): Command {
  return command.addOption(
    new Option("-o, --output <format>", "for people, or stable for programs")
      .choices(["human", "json"])
      .default("human"),
  );
}

/** Connects, works and closes, however the work ends. */
export async function withClient<T>(
  options: ClusterOptions,
  context: CliContext,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await connectTo(options, context);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** As `withClient`, for what operators ask of the cluster as a whole. */
export async function withClusterAdmin<T>(
  options: ClusterOptions,
  context: CliContext,
  work: (admin: ClusterAdmin) => Promise<T>,
): Promise<T> {
  const endpoints = await findEndpoints(options, context);
  const { connectCluster } = await import("@conclave/client/cluster");
  const admin = connectCluster({
    endpoints,
    timeoutMs: CONNECT_TIMEOUT_MS,
    ...tokenOf(context),
  });
  try {
    return await work(admin);
  } catch (thrown) {
    throw ofCluster(thrown);
  } finally {
    await admin.close();
  }
}

/** What is advised after the refusal of a command on an election is no help with members. */
function ofCluster(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || !("code" in thrown)) return thrown;
  const exitCode = CLUSTER_REFUSALS[String(thrown.code)];
  if (exitCode === undefined) return thrown;
  return new CliError(
    exitCode,
    `${thrown.message}; "conclave cluster status" shows how things are`,
  );
}

const CLUSTER_REFUSALS: Readonly<Record<string, ExitCode>> = {
  NOT_FOUND: EXIT.notFound,
  CONFLICT: EXIT.conflict,
};

/** For commander: a duration in milliseconds. */
export function durationArgument(text: string): number {
  const parsed = parseDuration(text);
  if (parsed.kind === "malformed") throw new InvalidArgumentError(`It is ${parsed.expected}.`);
  return parsed.ms;
}

/** For commander: a time to live, within the bounds that servers accept. */
export function ttlArgument(text: string): number {
  const ms = durationArgument(text);
  if (ms < 500 || ms > 24 * 3_600_000) throw new InvalidArgumentError("It is 500ms to 24h.");
  return ms;
}

/** For commander: the number of a node or of a partition. */
export function nodeArgument(text: string): number {
  const number = Number(text);
  const isSound = /^\d{1,5}$/.test(text) && number >= 1 && number <= 65_535;
  if (!isSound) throw new InvalidArgumentError("It is 1 to 65535.");
  return number;
}

/** For commander: a revision or term, of up to 64 bits. */
export function integerArgument(text: string): bigint {
  if (!/^\d{1,20}$/.test(text)) throw new InvalidArgumentError("It is a whole number.");
  return BigInt(text);
}

/** @throws ElectionError TIMEOUT when no server answers */
async function connectTo(options: ClusterOptions, context: CliContext): Promise<Client> {
  const endpoints = await findEndpoints(options, context);
  const namespace = options.namespace ?? context.env["CONCLAVE_NAMESPACE"];
  // Loaded here, so that help and mistakes are answered without waiting for the network's libraries.
  const { connect } = await import("@conclave/client");
  return connect({
    endpoints,
    timeoutMs: CONNECT_TIMEOUT_MS,
    ...(namespace ? { namespace } : {}),
    ...tokenOf(context),
  });
}

/**
 * Where the cluster is that the options, the environment or the working directory name.
 *
 * @throws CliError for a malformed endpoint
 */
async function findEndpoints(
  options: ClusterOptions,
  context: CliContext,
): Promise<readonly string[]> {
  const found = chooseEndpoints({
    flag: options.endpoint,
    environment: context.env["CONCLAVE_ENDPOINTS"],
    file: await readEndpointsFile(context.cwd),
  });
  if (found.kind === "malformed") {
    throw new CliError(EXIT.usage, `${found.source}: ${found.problem}`);
  }
  context.endpoints = found.urls;
  return found.urls;
}

/** From the environment, and there is no flag for it: arguments are shown to every user of the machine. */
function tokenOf({ env }: CliContext): { token?: () => Promise<string> } {
  const token = env["CONCLAVE_TOKEN"];
  return token ? { token: () => Promise.resolve(token) } : {};
}

async function readEndpointsFile(cwd: string): Promise<string | undefined> {
  try {
    return await readFile(join(cwd, ENDPOINTS_FILE), "utf8");
  } catch {
    // Most directories have none; one that cannot be read is as good as none.
    return undefined;
  }
}
