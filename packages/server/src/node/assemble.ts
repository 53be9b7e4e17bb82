// SPDX-License-Identifier: Apache-2.0
/**
 * What a member of a cluster consists of, once it knows who it is: file disk, Raft host, partitions,
 * and the services that are put on its port.
 *
 * It puts together and starts nothing.
 */

import { createPrng, type LoopWatch } from "@conclave/base";
import { createHost, type Host } from "@conclave/raft";
import type { ConnectRouter } from "@connectrpc/connect";
import { createElectionNode, type ElectionNode } from "../replica/election-node.ts";
import { noPeers } from "../replica/peer-calls.ts";
import { raftLogs } from "../replica/raft-log.ts";
import type { OpenLog } from "../replica/replicated-log.ts";
import { registerNativeServices } from "../rpc/native-services.ts";
import { createFileDisk } from "./file-disk.ts";
import type { NodeIdentity } from "./identity.ts";
import { logDirectoryOf } from "./identity-file.ts";
import { failure, type NodeFailure, type NodeOptions } from "./node-options.ts";
import { drawSeed, drawSessionId, systemClock } from "./system-clock.ts";

export interface AssembleOptions {
  readonly options: NodeOptions;
  readonly identity: NodeIdentity;
  readonly loop: LoopWatch;
  /** The role of a partition may have changed. */
  readonly rolesChanged: () => void;
  /** The node can go on no more; told once. */
  readonly failed: (failure: NodeFailure) => void;
}

export interface Parts {
  readonly host: Host;
  readonly replicas: ElectionNode;
  /** Puts what the parts serve on a router. */
  readonly register: (router: ConnectRouter) => void;
}

export function assemble({ options, identity, loop, rolesChanged, failed }: AssembleOptions): Parts {
  const { node, partitionCount } = identity;
  const clusterId = new Uint8Array(Buffer.from(identity.clusterId, "hex"));
  const host = createHost({
    node,
    clusterId,
    disk: createFileDisk(logDirectoryOf(options.dataDirectory)),
    clock: systemClock,
    prng: createPrng(drawSeed()),
  });
  const logs = watchLogs(raftLogs(host), rolesChanged, failed);
  const replicas = createElectionNode({
    cluster: {
      clusterId,
      partitionCount,
      node,
      version: options.version,
      urlScheme: options.tls === undefined ? "http" : "https",
    },
    clock: systemClock,
    loop,
    prng: createPrng(drawSeed()),
    peers: noPeers,
    openLog: logs,
    // What a log holds and nobody here understands; its own failures were told before.
    failed: (detail) => failed(failure("damaged", detail)),
  });
  return {
    host,
    replicas,
    register: (router) => registerNativeServices(router, replicas, { drawSessionId }),
  };
}

/** The same logs; tells of changed roles and of the end of a log after the partition has been told. */
function watchLogs(
  openLog: OpenLog,
  rolesChanged: () => void,
  failed: (failure: NodeFailure) => void,
): OpenLog {
  return (partition, listener) =>
    openLog(partition, {
      committed: (entries) => listener.committed(entries),
      restored: (snapshot) => listener.restored(snapshot),
      roleChanged(role) {
        listener.roleChanged(role);
        rolesChanged();
      },
      snapshot: () => listener.snapshot(),
      failed(reason) {
        // First, since the partition tells of it too, without the reason.
        failed(failure(reason.kind === "damaged" ? "damaged" : "not-writable", reason.detail));
        listener.failed(reason);
      },
    });
}
