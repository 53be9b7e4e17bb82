// SPDX-License-Identifier: Apache-2.0
/**
 * A node, put together: file disk, Raft host, partitions, services and the port they are served on.
 *
 * The only place where all of them meet. Whatever keeps a node from starting is a value.
 */

import { join } from "node:path";
import { createPrng, unreachable } from "@conclave/base";
import { createHost, type Host, type StartOutcome } from "@conclave/raft";
import { createElectionNode, type ElectionNode } from "../replica/election-node.ts";
import { raftLogs } from "../replica/raft-log.ts";
import type { OpenLog } from "../replica/replicated-log.ts";
import { registerNativeServices } from "../rpc/native-services.ts";
import { clusterIdOf } from "./cluster-id.ts";
import { createConnections } from "./connections.ts";
import { createFileDisk, makeDirectory } from "./file-disk.ts";
import { type FrontPort, type FrontPortOptions, openFrontPort } from "./front-port.ts";
import { registerHealth } from "./health-service.ts";
import { createHttpRoutes } from "./http-routes.ts";
import { differenceOf, writeIdentity } from "./identity-file.ts";
import { createReadiness, type Readiness } from "./readiness.ts";
import { registerReflection } from "./reflection-service.ts";
import { createRpcHandler } from "./rpc-handler.ts";
import { drawSeed, drawSessionId, systemClock } from "./system-clock.ts";

export interface NodeOptions {
  /** This node's number in the cluster, from 1. */
  readonly node: number;
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
  readonly tls?: NonNullable<FrontPortOptions["tls"]>;
  /** Made if it is missing; belongs to this process alone. */
  readonly dataDirectory: string;
  /** Fixed at the first start, since the home of every name depends on it. */
  readonly partitionCount: number;
  /** Tells this cluster from another with the same members. Empty: none. */
  readonly clusterToken: string;
  /** Origins whose pages may call. */
  readonly corsOrigins: readonly string[];
  /** Of the software, for showing. */
  readonly version: string;
}

export interface StartedNode {
  readonly kind: "started";
  /** Where it accepts calls, with the real port. */
  readonly url: string;
  /** Resolves if it cannot go on, with why; the process should end. */
  readonly failed: Promise<string>;
  /**
   * Stops gracefully: not ready, no new connections, streams are told and end, what is under way
   * ends within `graceMs`, the log is closed. Default 10 s, above the 5 s that a command may take.
   */
  stop(graceMs?: number): Promise<void>;
}

/**
 * - `address-in-use`: another process has the port.
 * - `not-bindable`: the address is not this machine's, needs privileges, or TLS is set up wrongly.
 * - `locked`: another process has the data directory.
 * - `foreign`: the data directory was made for another node, cluster or number of partitions.
 * - `newer`: it was written by a later version.
 * - `not-writable`, `no-space`: the disk's answer.
 * - `damaged`: what was acknowledged cannot be read back.
 */
export type StartFailureReason =
  | "address-in-use"
  | "not-bindable"
  | "locked"
  | "foreign"
  | "newer"
  | "not-writable"
  | "no-space"
  | "damaged";

export interface StartFailure {
  readonly kind: "failed";
  readonly reason: StartFailureReason;
  /** For people, without the name of the address or the directory. */
  readonly detail: string;
}

const STOP_GRACE_MS = 10_000;
/** How long the last answers have to reach peers that do not close. */
const LINGER_MS = 1_000;

/** Starts a node and resolves when its port accepts calls, leaders or not. */
export async function startNode(options: NodeOptions): Promise<StartedNode | StartFailure> {
  const { node, partitionCount, dataDirectory } = options;
  const token = options.clusterToken;
  const clusterId = clusterIdOf({ members: [String(node)], partitionCount, token });
  const identity = { node, partitionCount, clusterId: Buffer.from(clusterId).toString("hex") };
  const unusable = await prepareDirectory(dataDirectory);
  if (unusable !== undefined) return unusable;
  const difference = await differenceOf(dataDirectory, identity);
  if (difference !== undefined) return failure("foreign", difference);

  const parts = assemble(options, clusterId);
  const outcome = await parts.host.start();
  if (outcome.kind === "refused") {
    await stopReplicas(parts);
    return refusalOf(outcome);
  }
  await writeIdentity(dataDirectory, identity);
  const opened = await openPort(options, parts);
  if (opened.kind !== "open") {
    await stopReplicas(parts);
    await parts.host.stop();
    return failure(opened.kind, opened.detail);
  }
  return started(opened.port, parts);
}

interface Parts {
  readonly host: Host;
  readonly replicas: ElectionNode;
  readonly readiness: Readiness;
  readonly failed: Promise<string>;
}

function assemble(options: NodeOptions, clusterId: Uint8Array): Parts {
  const { node, partitionCount, version } = options;
  const disk = createFileDisk(logDirectory(options.dataDirectory));
  const prng = createPrng(drawSeed());
  const host = createHost({ node, clusterId, disk, clock: systemClock, prng });
  let fail = (_detail: string): void => {};
  const failed = new Promise<string>((resolve) => {
    fail = resolve;
  });
  let readiness: Readiness | undefined;
  const replicas = createElectionNode({
    cluster: { clusterId, partitionCount, node, version },
    clock: systemClock,
    openLog: tellRoles(raftLogs(host), () => readiness?.update()),
    failed: fail,
  });
  readiness = createReadiness(() => replicas.leaderlessPartitions());
  return { host, replicas, readiness, failed };
}

/** The same logs, of whose changes of role `changed` is told after the partition has been. */
function tellRoles(openLog: OpenLog, changed: () => void): OpenLog {
  return (partition, listener) =>
    openLog(partition, {
      committed: (entries) => listener.committed(entries),
      restored: (snapshot) => listener.restored(snapshot),
      roleChanged(role) {
        listener.roleChanged(role);
        changed();
      },
      snapshot: () => listener.snapshot(),
      failed: (failure) => listener.failed(failure),
    });
}

function openPort(options: NodeOptions, { replicas, readiness }: Parts) {
  const connections = createConnections();
  const rpc = createRpcHandler({
    connections,
    clock: systemClock,
    routes: (router, registered) => {
      registerNativeServices(router, replicas, { drawSessionId });
      registerHealth(router, readiness, registered.isRegistered);
      registerReflection(router, registered.all);
    },
  });
  return openFrontPort({
    host: options.host,
    port: options.port,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    clock: systemClock,
    connections,
    handler: createHttpRoutes({ rpc, readiness, corsOrigins: options.corsOrigins }),
  });
}

function started(port: FrontPort, parts: Parts): StartedNode {
  let stopped: Promise<void> | undefined;
  const stop = async (graceMs: number): Promise<void> => {
    parts.readiness.shutDown();
    // First the port, which marks the connections as ended by the server: their ends must not start
    // the disconnect grace of the sessions on them.
    const closed = port.close(graceMs);
    await stopReplicas(parts);
    // All is answered and every stream has its goodbye; a peer that leaves its side open waits in vain.
    const cancelTimer = systemClock.setTimer(LINGER_MS, () => port.cut());
    await closed;
    cancelTimer();
    await parts.host.stop();
  };
  return {
    kind: "started",
    url: port.url,
    failed: parts.failed,
    stop(graceMs = STOP_GRACE_MS) {
      stopped ??= stop(graceMs);
      return stopped;
    },
  };
}

async function stopReplicas({ replicas }: Parts): Promise<void> {
  replicas.beginShutdown();
  await replicas.drained();
}

/** The log's files lie apart from the note beside them: a `Disk` is a directory of its own. */
function logDirectory(dataDirectory: string): string {
  return join(dataDirectory, "log");
}

async function prepareDirectory(dataDirectory: string): Promise<StartFailure | undefined> {
  try {
    await makeDirectory(logDirectory(dataDirectory));
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return failure(code === "ENOSPC" || code === "EDQUOT" ? "no-space" : "not-writable", message);
  }
}

function refusalOf(outcome: StartOutcome & { readonly kind: "refused" }): StartFailure {
  const { reason, detail } = outcome;
  switch (reason) {
    case "locked":
    case "foreign":
    case "newer":
    case "not-writable":
    case "no-space":
    case "damaged":
      return failure(reason, detail);
    case "io":
      return failure("not-writable", detail);
    default:
      return unreachable(reason);
  }
}

function failure(reason: StartFailureReason, detail: string): StartFailure {
  return { kind: "failed", reason, detail };
}
