// SPDX-License-Identifier: Apache-2.0
/**
 * A cluster of real servers for a test: started in three lines, broken by name, gone with its scope.
 *
 * The servers keep real logs in a temporary directory and talk over real connections on the loopback
 * address. Everything that anybody sends them passes a proxy, so that a test can cut it.
 */

import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPrng } from "@conclave/base";
import type { Client, ConnectOptions } from "@conclave/client";
import { homeOf } from "@conclave/client/cluster";
import { connectBy } from "@conclave/client/node";
import { type DialectOptions, defaultDialectOptions } from "@conclave/server/node";
import { ClusterNetwork, type Place, type Treatment } from "./cluster-network.ts";
import type { ClusterNode, NodeStart } from "./cluster-node.ts";
import { eventually } from "./eventually.ts";
import { isReady, leaderOf } from "./leaders.ts";
import { createLocalNode } from "./local-node.ts";
import { createProcessNode } from "./process-node.ts";
import { untilReplicasAgree } from "./replicas.ts";

export interface TestClusterOptions {
  /** How many servers. Default 3. */
  readonly nodes?: number;
  /**
   * Each server is a process of its own, which takes longer to start and can be paused; a kill is a
   * SIGKILL then. Default false: all run in the test's process.
   */
  readonly processes?: boolean;
  /** Over how many Raft groups elections are spread. Default 8, as outside tests. */
  readonly partitions?: number;
  /** How the older protocols are served, where that is not as outside tests. */
  readonly dialects?: Partial<DialectOptions>;
  /** Of the packets that lossy links lose. Default 1. */
  readonly seed?: bigint;
}

/**
 * Who sends and receives on the network: a node by its number, a client that `connect` has made, or
 * `"others"`: whoever else has connected by `endpoints`, a program under test for example.
 */
export type Party = number | Client | "others";

/** Options of `connect`; the endpoints are those of the cluster. */
export type TestClientOptions = Omit<ConnectOptions, "endpoints">;

const OTHERS = "others";
/** How long clients may take for their farewells when all ends. */
const FAREWELL_MS = 1_000;

interface Member {
  readonly node: ClusterNode;
  readonly start: NodeStart;
  /** Undefined: it is down. */
  port: number | undefined;
  isPaused: boolean;
}

export class TestCluster implements AsyncDisposable {
  readonly #network: ClusterNetwork;
  readonly #folder: string;
  readonly #partitionCount: number;
  readonly #members: Map<number, Member> = new Map();
  readonly #clients: Map<Client, string> = new Map();
  readonly #failures: string[] = [];
  /** Of a process that ends in the midst of a test nothing is left behind. */
  readonly #removeNow = (): void => rmSync(this.#folder, { recursive: true, force: true });

  /** Starts a cluster and resolves when every node is ready: each partition has a leader. */
  static async start(options: TestClusterOptions = {}): Promise<TestCluster> {
    const folder = await mkdtemp(join(tmpdir(), "conclave-test-"));
    const cluster = new TestCluster(folder, options);
    try {
      await cluster.#begin(options);
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  private constructor(folder: string, { partitions = 8, seed = 1n }: TestClusterOptions) {
    this.#folder = folder;
    this.#partitionCount = partitions;
    this.#network = new ClusterNetwork(createPrng(seed));
    process.once("exit", this.#removeNow);
  }

  /** For any client and any program, up or not: they stay the same through restarts. */
  get endpoints(): readonly string[] {
    return [...this.#members.values()].map(({ start }) => `http://${start.address}`);
  }

  /** The numbers of the nodes, from 1. */
  get nodes(): readonly number[] {
    return [...this.#members.keys()];
  }

  /** Those that can act: started, and neither killed, stopped nor paused since. */
  get running(): readonly number[] {
    const isRunning = ({ port, isPaused }: Member): boolean => port !== undefined && !isPaused;
    return this.nodes.filter((node) => isRunning(this.#member(node)));
  }

  /** Nodes that ended without having been told to, and why: no test should see one. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** A client with ways of its own to every node, that can be cut. Closed with the cluster. */
  async connect(options: TestClientOptions = {}): Promise<Client> {
    const name = `client ${this.#clients.size + 1}`;
    const routes = new Map<string, string>();
    for (const [node, { start }] of this.#members) {
      routes.set(`http://${start.address}`, `http://${await this.#network.open(name, node)}`);
    }
    const route = (endpoint: string): string => routes.get(endpoint) ?? endpoint;
    const client = await connectBy(route, { ...options, endpoints: this.endpoints });
    this.#clients.set(client, name);
    return client;
  }

  /**
   * Ends a node without a word to anybody. A process dies by SIGKILL. In the test's own process all
   * its connections are reset, and its files are closed in order behind them.
   */
  async kill(node: number): Promise<void> {
    const member = this.#member(node);
    this.#leave(node, member);
    await member.node.kill();
  }

  /** Stops a node in order: it hands its leaderships over and ends its streams with a goodbye. */
  async stop(node: number): Promise<void> {
    const member = this.#member(node);
    await member.node.stop();
    this.#leave(node, member);
  }

  /** Starts a node on the data that it had; one that runs is stopped first. Does not wait for a leader. */
  async restart(node: number): Promise<void> {
    const member = this.#member(node);
    if (member.port !== undefined) await this.stop(node);
    await this.#startNode(node, member);
  }

  /** Empties the disk of a node that is down. */
  async wipe(node: number): Promise<void> {
    const { start, port } = this.#member(node);
    if (port !== undefined) throw new Error(`node ${node} runs: kill or stop it first`);
    await rm(start.dataDirectory, { recursive: true, force: true });
  }

  /** Stops the node's time, as SIGSTOP does. @throws without `processes` */
  pause(node: number): void {
    const member = this.#member(node);
    member.node.pause();
    member.isPaused = true;
  }

  resume(node: number): void {
    const member = this.#member(node);
    member.node.resume();
    member.isPaused = false;
  }

  /** Lets nothing pass between parties of different sides. Whoever is on no side keeps all its ways. */
  partition(...sides: readonly (readonly Party[])[]): void {
    for (const [i, side] of sides.entries()) {
      const others = sides.slice(i + 1).flat();
      for (const one of side) for (const other of others) this.#cut(one, other);
    }
  }

  /** Cuts a party off from everybody. */
  isolate(party: Party): void {
    for (const node of this.nodes) if (node !== party) this.#cut(party, node);
    if (typeof party !== "number") return;
    for (const client of [...this.#clients.keys(), OTHERS] as const) this.#cut(party, client);
  }

  /** Treats what `from` sends to `to`, and nothing that it receives: silent, late or lossy. */
  treat(from: Party, to: Party, treatment: Treatment): void {
    this.#network.treat(this.#placeOf(from), this.#placeOf(to), treatment);
  }

  /** Resets the connections between two parties, which may connect again. */
  reset(one: Party, other: Party): void {
    this.#network.reset(this.#placeOf(one), this.#placeOf(other));
  }

  /** Every way is whole again. Nodes that are down or paused stay so. */
  heal(): void {
    this.#network.heal();
  }

  /** The node that leads the partition of this election, by its own word. Waits until one does. */
  async leaderOf(election: string): Promise<number> {
    const partition = homeOf(election, this.#partitionCount);
    return eventually(
      `partition ${partition}, of ${election}, has a leader`,
      () => leaderOf(partition, this.#urls(this.running)),
      () => this.#logs(),
    );
  }

  /** Resolves when these nodes say that every partition has a leader they reach; those that run by default. */
  async ready(nodes: readonly number[] = this.running): Promise<void> {
    await Promise.all(
      this.#urls(nodes).map((url) =>
        eventually(
          `${url} is ready`,
          () => isReady(url),
          () => this.#logs(),
        ),
      ),
    );
  }

  /**
   * Resolves when all nodes that run have applied the same entries of every partition to equal states.
   *
   * @throws when two of them have applied the same entries and differ
   */
  agreed(): Promise<void> {
    return untilReplicasAgree(this.#urls(this.running));
  }

  /** Closes the clients, ends the nodes and removes their data. */
  async [Symbol.asyncDispose](): Promise<void> {
    const farewells = Promise.all([...this.#clients.keys()].map((client) => client.close()));
    await Promise.race([farewells, new Promise((resolve) => setTimeout(resolve, FAREWELL_MS))]);
    await Promise.all(this.nodes.map((node) => this.kill(node)));
    this.#network.close();
    await farewells;
    await rm(this.#folder, { recursive: true, force: true });
    process.off("exit", this.#removeNow);
  }

  async #begin(options: TestClusterOptions): Promise<void> {
    const { nodes = 3, processes = false } = options;
    const dialects = { ...defaultDialectOptions, ...options.dialects };
    const numbers = Array.from({ length: nodes }, (_, i) => i + 1);
    const members: { readonly node: number; readonly address: string }[] = [];
    for (const node of numbers) {
      members.push({ node, address: await this.#network.open(OTHERS, node) });
    }
    for (const { node, address } of members) {
      const start: NodeStart = {
        ...{ node, address, members },
        dataDirectory: join(this.#folder, `node-${node}`),
        partitionCount: this.#partitionCount,
        dialects,
        routes: await this.#routesOf(node, members),
      };
      const ended = (why: string): void => void this.#failures.push(`node ${node}: ${why}`);
      const made = (processes ? createProcessNode : createLocalNode)(start, ended);
      this.#members.set(node, { node: made, start, port: undefined, isPaused: false });
    }
    await Promise.all([...this.#members].map(([node, member]) => this.#startNode(node, member)));
    await this.ready();
  }

  async #routesOf(node: number, members: NodeStart["members"]): Promise<Record<string, string>> {
    const routes: Record<string, string> = {};
    for (const other of members) {
      if (other.node === node) continue;
      routes[other.address] = await this.#network.open(node, other.node);
    }
    return routes;
  }

  async #startNode(node: number, member: Member): Promise<void> {
    member.port = await member.node.start();
    this.#network.locate(node, member.port);
  }

  #leave(node: number, member: Member): void {
    member.port = undefined;
    member.isPaused = false;
    this.#network.locate(node, undefined);
    this.#network.resetAll(node);
  }

  #cut(one: Party, other: Party): void {
    this.treat(one, other, { isSilent: true });
    this.treat(other, one, { isSilent: true });
  }

  #member(node: number): Member {
    const member = this.#members.get(node);
    if (member === undefined) throw new Error(`there is no node ${node}`);
    return member;
  }

  #placeOf(party: Party): Place {
    if (typeof party === "number") return this.#member(party).start.node;
    if (party === OTHERS) return OTHERS;
    const name = this.#clients.get(party);
    if (name === undefined) throw new Error("a client that this cluster has not connected");
    return name;
  }

  /** Where nodes listen themselves: questions of the harness meet none of the faults that it makes. */
  #urls(nodes: readonly number[]): readonly string[] {
    return nodes.map((node) => `http://127.0.0.1:${this.#member(node).port}`);
  }

  #logs(): string {
    const logs = [...this.#members].map(([number, { node }]) => `node ${number}:\n${node.log()}`);
    return [...this.#failures, ...logs].join("\n");
  }
}
