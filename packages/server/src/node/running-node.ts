// SPDX-License-Identifier: Apache-2.0
/**
 * A member behind a port of this machine, from the moment the port is open until it has stopped.
 *
 * What a node is stands in `member/`; here it gets calls, probes and metrics over HTTP.
 */

import { assert } from "@conclave/base";
import type { OpenDirectory } from "../member/data-directory.ts";
import { failure } from "../member/member-failure.ts";
import { createMember, type RunningMember } from "../member/running-member.ts";
import { AttachStream } from "../rpc/attach-stream.ts";
import { attachDoor } from "./attach-door.ts";
import { type Connections, createConnections, type PortHandler } from "./connections.ts";
import type { ConsoleFiles } from "./console-files.ts";
import { type FrontPort, openFrontPort } from "./front-port.ts";
import { registerHealth } from "./health-service.ts";
import { createHttpRoutes } from "./http-routes.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import type { NodeFailure, NodeOptions } from "./node-options.ts";
import { createOriginPolicy, type OriginPolicy } from "./origin-policy.ts";
import { addressOf, peerTlsOf } from "./peer-address.ts";
import { createPeerDialer } from "./peer-dialer.ts";
import { exchangeDoor, registerPeers } from "./peer-service.ts";
import { createReadiness, type Readiness } from "./readiness.ts";
import { registerReflection } from "./reflection-service.ts";
import { createRpcHandler } from "./rpc-handler.ts";
import { stayAlive, systemChance, systemClock } from "./system-clock.ts";

/** How long the last answers have to reach peers that do not close. */
const LINGER_MS = 1_000;

export class RunningNode {
  readonly #options: NodeOptions;
  readonly #consoleFiles: ConsoleFiles;
  readonly #member: RunningMember;
  readonly #readiness: Readiness;
  readonly #metrics: Metrics;
  readonly #connections: Connections = createConnections();
  #handler: PortHandler;
  #isServed: (service: string) => boolean = () => false;
  #port: FrontPort | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: NodeOptions, directory: OpenDirectory, consoleFiles: ConsoleFiles) {
    this.#options = options;
    this.#consoleFiles = consoleFiles;
    this.#metrics = this.#createMetrics();
    this.#member = this.#createMember(directory);
    this.#readiness = createReadiness(() => this.#member.obstacles());
    this.#handler = this.#createHandler();
  }

  get url(): string {
    assert(this.#port !== undefined, "a node that runs has a port");
    return this.#port.url;
  }

  /** Resolves if the node cannot go on, with why. */
  get failed(): Promise<NodeFailure> {
    return this.#member.failed;
  }

  /** Opens the port, on which only the probes and the other members are answered before it serves. */
  async start(): Promise<NodeFailure | undefined> {
    const { host, port, tls, address } = this.#options;
    const opened = await openFrontPort({
      host,
      port,
      ...(tls === undefined ? {} : { tls }),
      clock: systemClock,
      connections: this.#connections,
      handler: (request, response) => this.#handler(request, response),
    });
    if (opened.kind !== "open") return failure(opened.kind, opened.detail);
    this.#port = opened.port;
    return this.#member.start(address ?? new URL(this.url).host);
  }

  stop(graceMs: number): Promise<void> {
    // Once the port is closed nothing else may do so, and the process would end half stopped.
    const release = stayAlive();
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping.finally(release);
  }

  async #stop(graceMs: number): Promise<void> {
    this.#readiness.shutDown();
    await this.#member.handOver();
    // First the port, which marks the connections as ended by the server: their ends must not start
    // the disconnect grace of the sessions on them.
    const closed = this.#port?.close(graceMs);
    await this.#member.drain();
    // All is answered and every stream has its goodbye; a peer that leaves its side open waits in vain.
    const cancelTimer = systemClock.setTimer(LINGER_MS, () => this.#port?.cut());
    await closed;
    cancelTimer();
    await this.#member.stop();
  }

  #createMember(directory: OpenDirectory): RunningMember {
    const { tls, join, log, route } = this.#options;
    const options = {
      ...this.#options,
      join: join.map((url) => addressOf(url)),
      urlScheme: tls === undefined ? ("http" as const) : ("https" as const),
    };
    const platform = {
      clock: systemClock,
      chance: systemChance,
      directory,
      dialer: createPeerDialer(peerTlsOf(this.#options), route),
      log,
      observer: this.#metrics,
    };
    return createMember(options, platform, {
      changed: () => this.#readiness.update(),
      serving: () => {
        this.#handler = this.#createHandler();
      },
    });
  }

  #createMetrics(): Metrics {
    const measured = {
      partitions: () => this.#member.serving?.replicas.partitions ?? [],
      logs: () => this.#member.serving?.logs ?? [],
      watchLag: () => this.#member.serving?.replicas.watchLag() ?? 0,
      peers: () => this.#member.serving?.mesh.peers() ?? [],
    };
    return createMetrics(measured, () => systemClock.wallMs());
  }

  /** To be called again when the member offers more. */
  #createHandler(): PortHandler {
    const connections = this.#connections;
    const member = this.#member;
    const { serving } = member;
    const rpc = createRpcHandler({
      connections,
      clock: systemClock,
      doors: [
        exchangeDoor(member.accept),
        ...(serving === undefined
          ? []
          : [attachDoor((connection) => new AttachStream(serving.replicas, connection))]),
      ],
      routes: (router, registered) => {
        member.register(router);
        registerPeers(router, member);
        this.#isServed = registered.isRegistered;
        // Asked of the latest, for a health watch outlives the change from waiting to serving.
        registerHealth(router, this.#readiness, (service) => this.#isServed(service));
        registerReflection(router, registered.all);
      },
    });
    return createHttpRoutes({
      rpc,
      readiness: this.#readiness,
      metrics: this.#metrics,
      origins: this.#createOriginPolicy(),
      consoleFiles: this.#consoleFiles,
    });
  }

  #createOriginPolicy(): OriginPolicy {
    const { tls, host, address, corsOrigins } = this.#options;
    const advertised = address === undefined ? [] : [address.replace(/:\d+$/, "")];
    const scheme = tls === undefined ? "http" : "https";
    return createOriginPolicy({ scheme, ownNames: [host, ...advertised], corsOrigins });
  }
}
