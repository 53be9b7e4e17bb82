// SPDX-License-Identifier: Apache-2.0
/**
 * A node from the moment its port is open until it has stopped: first a process that only says who it
 * is, then, once that is settled, a member that serves.
 *
 * It decides nothing about either; `begin` is called when the identity is settled, and once.
 */

import { assert, LoopWatch, unreachable } from "@conclave/base";
import type { StartOutcome } from "@conclave/raft";
import type { ConnectRouter } from "@connectrpc/connect";
import { assemble, type Parts } from "./assemble.ts";
import { type Connections, createConnections, type PortHandler } from "./connections.ts";
import { type FrontPort, openFrontPort } from "./front-port.ts";
import { registerHealth } from "./health-service.ts";
import { createHttpRoutes } from "./http-routes.ts";
import type { NodeIdentity } from "./identity.ts";
import type { IdentityFile } from "./identity-file.ts";
import { failure, type NodeFailure, type NodeOptions } from "./node-options.ts";
import { createReadiness, type Readiness } from "./readiness.ts";
import { registerReflection } from "./reflection-service.ts";
import { createRpcHandler } from "./rpc-handler.ts";
import { systemClock } from "./system-clock.ts";
import { registerWaitingServices } from "./waiting-services.ts";

/** How long the last answers have to reach peers that do not close. */
const LINGER_MS = 1_000;

export class RunningNode {
  readonly readiness: Readiness;
  /** Resolves if the node cannot go on, with why. */
  readonly failed: Promise<NodeFailure>;
  readonly #options: NodeOptions;
  readonly #file: IdentityFile;
  readonly #connections: Connections = createConnections();
  readonly #loop: LoopWatch = new LoopWatch(systemClock);
  #handler: PortHandler;
  #isServed: (service: string) => boolean = () => false;
  #fail: (failure: NodeFailure) => void = () => {};
  #port: FrontPort | undefined;
  #parts: Parts | undefined;
  #waitsFor = "starting";
  #stopping: Promise<void> | undefined;

  constructor(options: NodeOptions, file: IdentityFile) {
    this.#options = options;
    this.#file = file;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.readiness = createReadiness(() => this.#obstacles());
    this.#handler = this.#handlerOf((router) => registerWaitingServices(router));
  }

  get url(): string {
    assert(this.#port !== undefined, "a node that runs has a port");
    return this.#port.url;
  }

  /** Opens the port, on which only the probes answer before `begin`. */
  async open(): Promise<NodeFailure | undefined> {
    const { host, port, tls } = this.#options;
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
    return undefined;
  }

  /** Says on `/readyz` and to callers what keeps the node from serving. */
  waitFor(what: string): void {
    this.#waitsFor = what;
  }

  /** Reads the log and serves as who the identity says. */
  async begin(identity: NodeIdentity): Promise<NodeFailure | undefined> {
    assert(this.#parts === undefined, "a node begins once");
    const parts = assemble({
      options: this.#options,
      identity,
      loop: this.#loop,
      rolesChanged: () => this.readiness.update(),
      failed: this.#fail,
    });
    const outcome = await parts.host.start();
    if (outcome.kind === "refused") {
      parts.replicas.beginShutdown();
      await parts.replicas.drained();
      return refusalOf(outcome);
    }
    this.#parts = parts;
    this.#handler = this.#handlerOf(parts.register);
    this.#loop.start();
    this.readiness.update();
    return undefined;
  }

  stop(graceMs: number): Promise<void> {
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  }

  async #stop(graceMs: number): Promise<void> {
    this.readiness.shutDown();
    // First the port, which marks the connections as ended by the server: their ends must not start
    // the disconnect grace of the sessions on them.
    const closed = this.#port?.close(graceMs);
    const parts = this.#parts;
    parts?.replicas.beginShutdown();
    await parts?.replicas.drained();
    // All is answered and every stream has its goodbye; a peer that leaves its side open waits in vain.
    const cancelTimer = systemClock.setTimer(LINGER_MS, () => this.#port?.cut());
    await closed;
    cancelTimer();
    await parts?.host.stop();
    this.#loop.stop();
    await this.#file.close();
  }

  #obstacles(): readonly string[] {
    if (this.#parts === undefined) return [this.#waitsFor];
    const leaderless = this.#parts.replicas.leaderlessPartitions();
    return leaderless.map((partition) => `partition ${partition}: no leader`);
  }

  #handlerOf(register: (router: ConnectRouter) => void): PortHandler {
    const connections = this.#connections;
    const rpc = createRpcHandler({
      connections,
      clock: systemClock,
      routes: (router, registered) => {
        register(router);
        this.#isServed = registered.isRegistered;
        // Asked of the latest, for a health watch outlives the change from waiting to serving.
        registerHealth(router, this.readiness, (service) => this.#isServed(service));
        registerReflection(router, registered.all);
      },
    });
    const { readiness } = this;
    return createHttpRoutes({ rpc, readiness, corsOrigins: this.#options.corsOrigins });
  }
}

function refusalOf(outcome: StartOutcome & { readonly kind: "refused" }): NodeFailure {
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
