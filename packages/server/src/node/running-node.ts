// SPDX-License-Identifier: Apache-2.0
/**
 * A node from the moment its port is open until it has stopped: first a process that only says who it
 * is, then, once that is settled, a member that serves.
 *
 * It does not decide who it is: `begin` is called when that is settled, and what goes on behind an
 * open port until then is `work`.
 */

import { assert, createPrng, LoopWatch, TICK_MS } from "@conclave/base";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { runJoinRounds } from "../peer/join-rounds.ts";
import type { PeerIntroducer } from "../peer/peer-dialer.ts";
import { type Introduction, PEER_PROTOCOL_VERSION } from "../wire/introduction.ts";
import { ClusterMember } from "./cluster-member.ts";
import { type Connections, createConnections, type PortHandler } from "./connections.ts";
import { type FrontPort, openFrontPort } from "./front-port.ts";
import { registerHealth } from "./health-service.ts";
import { createHttpRoutes } from "./http-routes.ts";
import { membersOf, type NodeIdentity } from "./identity.ts";
import type { IdentityFile } from "./identity-file.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { failure, type NodeFailure, type NodeOptions } from "./node-options.ts";
import { addressOf } from "./peer-address.ts";
import { registerPeers } from "./peer-service.ts";
import { createReadiness, type Readiness } from "./readiness.ts";
import { registerReflection } from "./reflection-service.ts";
import { createRpcHandler } from "./rpc-handler.ts";
import { drawSeed, stayAlive, systemClock } from "./system-clock.ts";
import { registerWaitingServices } from "./waiting-services.ts";

/** How long the last answers have to reach peers that do not close. */
const LINGER_MS = 1_000;

export class RunningNode {
  readonly readiness: Readiness;
  /** Resolves if the node cannot go on, with why. */
  readonly failed: Promise<NodeFailure>;
  readonly options: NodeOptions;
  readonly file: IdentityFile;
  readonly #connections: Connections = createConnections();
  readonly #loop: LoopWatch = new LoopWatch(systemClock);
  readonly #metrics: Metrics;
  readonly #over = new AbortController();
  readonly #working: Promise<void>[] = [];
  #handler: PortHandler;
  #isServed: (service: string) => boolean = () => false;
  #fail: (failure: NodeFailure) => void = () => {};
  #port: FrontPort | undefined;
  #identity: NodeIdentity | undefined;
  #member: ClusterMember | undefined;
  #waitsFor = "starting";
  #stopping: Promise<void> | undefined;

  constructor(options: NodeOptions, file: IdentityFile) {
    this.options = options;
    this.file = file;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.readiness = createReadiness(() => this.#obstacles());
    this.#metrics = this.#createMetrics();
    this.#handler = this.#handlerOf(registerWaitingServices);
  }

  get url(): string {
    assert(this.#port !== undefined, "a node that runs has a port");
    return this.#port.url;
  }

  /** HOST:PORT where the other members reach this node. */
  get address(): string {
    return this.options.address ?? new URL(this.url).host;
  }

  /** Opens the port, on which only the probes and the other members are answered before `begin`. */
  async open(): Promise<NodeFailure | undefined> {
    const { host, port, tls } = this.options;
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
    this.#watchLoop();
    return undefined;
  }

  /** Says on `/readyz` what keeps the node from serving, and to the other members who it is. */
  waitFor(what: string, identity: NodeIdentity | undefined): void {
    this.#waitsFor = what;
    this.#identity = identity;
  }

  /** Does what must wait for others, behind the open port. It fails the node if it says why. */
  work(task: (signal: AbortSignal) => Promise<NodeFailure | undefined>): void {
    const { signal } = this.#over;
    const done = task(signal).then((fault) => {
      if (fault !== undefined && !signal.aborted) this.#fail(fault);
    });
    this.#working.push(done);
  }

  /** Reads the log and serves as who the identity says. May be called again after a failure. */
  async begin(
    identity: NodeIdentity,
    introducer: PeerIntroducer,
  ): Promise<NodeFailure | undefined> {
    assert(this.#member === undefined, "a node begins once");
    this.waitFor("reading the log", identity);
    const member = new ClusterMember({
      ...{ options: this.options, file: this.file, identity, address: this.address },
      ...{ loop: this.#loop, metrics: this.#metrics },
      changed: () => this.readiness.update(),
      failed: this.#fail,
    });
    const fault = await member.start();
    if (fault !== undefined || this.#over.signal.aborted) {
      await member.stop();
      return fault;
    }
    this.#member = member;
    this.#handler = this.#handlerOf((router) => member.register(router));
    this.readiness.update();
    if (identity.state === "joining") this.#join(member, introducer);
    return undefined;
  }

  /** Has the members add this node to their list, whose groups then take it in. */
  #join(member: ClusterMember, introducer: PeerIntroducer): void {
    const { identity } = member.list;
    const { clusterId, node, incarnation } = identity;
    const own = { node, incarnation, address: this.address };
    const urls = this.options.join.map((url) => addressOf(url));
    const addresses = membersOf(identity)
      .filter((each) => each.node !== node)
      .map(({ address }) => address);
    this.work(async (signal) => {
      const outcome = await runJoinRounds({
        request: { ...own, clusterId, protocolVersion: PEER_PROTOCOL_VERSION },
        targets: () => [...new Set([...urls, ...addresses])],
        isDone: () => member.list.isListed,
        introducer,
        clock: systemClock,
        prng: createPrng(drawSeed()),
        log: (text) => this.options.log("info", text),
        signal,
      });
      if (outcome?.kind === "refused") return failure("refused", outcome.detail);
      if (outcome !== undefined) member.list.learn(outcome.members, outcome.membersAsOf);
      return undefined;
    });
  }

  /** What this node says of itself to other members. */
  #introduce(): Introduction {
    const identity = this.#member?.list.identity ?? this.#identity;
    if (identity === undefined) {
      throw new ConnectError("the node does not know its cluster yet", Code.Unavailable);
    }
    const { clusterId, partitionCount, node, incarnation, state, nonce, recorded } = identity;
    return {
      protocolVersion: PEER_PROTOCOL_VERSION,
      version: this.options.version,
      ...{ clusterId, partitionCount, node, incarnation, state, nonce, recorded },
      hasLeader: this.#member?.hasLeader ?? false,
      listed: identity.members,
      members: membersOf(identity),
      membersAsOf: identity.knownAsOf,
    };
  }

  stop(graceMs: number): Promise<void> {
    // Once the port is closed nothing else may do so, and the process would end half stopped.
    const release = stayAlive();
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping.finally(release);
  }

  async #stop(graceMs: number): Promise<void> {
    this.readiness.shutDown();
    this.#over.abort();
    await Promise.all(this.#working);
    const member = this.#member;
    await member?.handOver();
    // First the port, which marks the connections as ended by the server: their ends must not start
    // the disconnect grace of the sessions on them.
    const closed = this.#port?.close(graceMs);
    await member?.drain();
    // All is answered and every stream has its goodbye; a peer that leaves its side open waits in vain.
    const cancelTimer = systemClock.setTimer(LINGER_MS, () => this.#port?.cut());
    await closed;
    cancelTimer();
    await member?.stop();
    this.#loop.stop();
    await this.file.close();
  }

  #obstacles(): readonly string[] {
    return this.#member === undefined ? [this.#waitsFor] : this.#member.obstacles();
  }

  #watchLoop(): void {
    let lastMs = systemClock.monotonicMs();
    this.#loop.onBeat(() => {
      const nowMs = systemClock.monotonicMs();
      this.#metrics.beat(Math.max(0, nowMs - lastMs - TICK_MS));
      lastMs = nowMs;
    });
    this.#loop.start();
  }

  #createMetrics(): Metrics {
    const measured = {
      partitions: () => this.#member?.replicas.partitions ?? [],
      logs: () => this.#member?.logs ?? [],
      watchLag: () => this.#member?.replicas.watchLag() ?? 0,
      peers: () => this.#member?.mesh.peers() ?? [],
    };
    return createMetrics(measured, () => systemClock.wallMs());
  }

  #handlerOf(register: (router: ConnectRouter) => void): PortHandler {
    const connections = this.#connections;
    const rpc = createRpcHandler({
      connections,
      clock: systemClock,
      routes: (router, registered) => {
        register(router);
        registerPeers(router, {
          introduce: () => this.#introduce(),
          running: () => this.#member,
        });
        this.#isServed = registered.isRegistered;
        // Asked of the latest, for a health watch outlives the change from waiting to serving.
        registerHealth(router, this.readiness, (service) => this.#isServed(service));
        registerReflection(router, registered.all);
      },
    });
    const { corsOrigins } = this.options;
    const routes = { rpc, readiness: this.readiness, metrics: this.#metrics, corsOrigins };
    return createHttpRoutes(routes);
  }
}
