// SPDX-License-Identifier: Apache-2.0
/**
 * A simulated world: servers and clients as processes on machines, a network between them, one virtual
 * time, and everything that can be seen of it.
 */

import { assert, type Clock, createPrng, type Prng } from "@conclave/base";
import { snapshot } from "@conclave/fsm";
import { type MemberLimits, readStates } from "@conclave/server/member";
import type { ClientProcess, ClientStart } from "./client-process.ts";
import type { Host } from "./connection.ts";
import { type Network, type PathProfile, SimNetwork } from "./network.ts";
import type { Observation } from "./observation.ts";
import { ProcessClock } from "./process-clock.ts";
import type { ServerProcess } from "./server-process.ts";
import { SimClient } from "./sim-client.ts";
import { addressOf, hostOf, SimServer } from "./sim-server.ts";
import { Trace } from "./trace.ts";
import { createVirtualTime, type VirtualTime } from "./virtual-time.ts";
import type { RunningServer, WorldView } from "./world-view.ts";

export interface WorldOptions {
  /** Of 64 bits. Equal seeds and equal calls give equal worlds, line for line. */
  readonly seed: bigint;
  readonly nodes: number;
  readonly partitions: number;
  /** Resolves when every promise that can go on has: a turn of the real loop. */
  readonly drain: () => Promise<void>;
  /** Of each node, 1 to N: by how many millionths its clock runs fast. Default 0. */
  readonly driftPpm?: readonly number[];
  /** What paths are like that nothing was said about. Default: a calm local network. */
  readonly path?: PathProfile;
  /** How long a sync of a disk takes. Default 0. */
  readonly syncMs?: number;
  /** By which servers live. Segments are small by default, so that there are many. */
  readonly limits?: Partial<MemberLimits>;
  /** Whether frames are encoded to bytes on their way, or pass as the objects that they are. Default true. */
  readonly isEncoded?: boolean;
}

export interface World {
  readonly timeMs: number;
  /** Of the world, outside its processes: for workloads and faults. */
  readonly clock: Clock;
  /** For whoever plays with the world; the world's own chance is apart from it. */
  readonly prng: Prng;
  readonly network: Network;
  /** By node, 1 to N. None runs before it is started. */
  readonly servers: readonly ServerProcess[];
  server(node: number): ServerProcess;
  /** Those that live. */
  readonly clients: readonly ClientProcess[];
  /** Starts a process that connects. A name may be used again when its process has ended. */
  startClient(name: string, options?: ClientStart): ClientProcess;
  /** What workloads see of their side; goes to all listeners and into the trace. */
  observe(observation: Observation): void;
  onObservation(listener: (observation: Observation, nowMs: number) => void): void;
  /** After each event of virtual time. */
  onStep(listener: (view: WorldView) => void): void;
  /** Something was thrown that nobody caught. */
  broken(where: string, error: unknown): void;
  /**
   * Makes all directories anew, of one new cluster that begins with the backup, and starts it; takes
   * virtual time. All servers must be down. Processes of clients live on, and meet another cluster.
   */
  restore(backup: Uint8Array): Promise<void>;
  /** Lets virtual time pass, or stops early once `isOver` says so. */
  run(ms: number, isOver?: () => boolean): Promise<void>;
  view(): WorldView;
  /** Who should be in office by now, as the workload knows it. Default: nobody. */
  waiting: () => WorldView["waiting"];
  /** Who believes to be in office, as the workload knows it. Default: nobody. */
  beliefs: () => WorldView["beliefs"];
  /** One line for each thing that happened, oldest first. */
  readonly trace: readonly string[];
  /** Events of virtual time so far. */
  readonly steps: number;
}

/** Nothing runs in it yet. */
export function createWorld(options: WorldOptions): World {
  return new SimWorld(options);
}

/** Small, so that files are many, and cheap to make. */
const SMALL_LIMITS: Partial<MemberLimits> = { segmentBytes: 128 * 1024, entryBytesMax: 64 * 1024 };

class SimWorld implements World {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly network: SimNetwork;
  readonly servers: readonly SimServer[];
  steps = 0;
  waiting: World["waiting"] = () => [];
  beliefs: World["beliefs"] = () => [];
  readonly #options: WorldOptions;
  readonly #chance: Prng;
  readonly #time: VirtualTime;
  readonly #trace = new Trace();
  readonly #clients = new Map<string, SimClient>();
  readonly #clientHosts = new Map<string, Host>();
  readonly #hostsByAddress: ReadonlyMap<string, string>;
  readonly #view: WorldView;
  readonly #observers: ((observation: Observation, nowMs: number) => void)[] = [];
  readonly #steppers: ((view: WorldView) => void)[] = [];
  #startedClients = 0;
  #restored = 0;
  /** Of the servers that run, kept since rules ask for it after every step. */
  #running: readonly RunningServer[] = [];

  constructor(options: WorldOptions) {
    this.#options = options;
    const { seed, nodes, partitions, drain } = options;
    const root = createPrng(seed);
    this.prng = root.child("player");
    this.#chance = root.child("world");
    this.#time = createVirtualTime(drain, (error) => this.broken("the world", error));
    this.network = new SimNetwork(this.#time, this.#chance.child("network"));
    if (options.path !== undefined) this.network.profile = options.path;
    this.clock = new ProcessClock(this.#time, (fire) => fire());
    const numbers = Array.from({ length: nodes }, (_, i) => i + 1);
    this.#hostsByAddress = new Map(numbers.map((node) => [addressOf(node), hostOf(node)]));
    this.servers = numbers.map((node) => this.#createServer(node, numbers));
    const now = (): number => this.timeMs;
    const running = (): readonly RunningServer[] => this.#running;
    const waiting = (): WorldView["waiting"] => this.waiting();
    const beliefs = (): WorldView["beliefs"] => this.beliefs();
    this.#view = {
      partitionCount: partitions,
      get nowMs() {
        return now();
      },
      get servers() {
        return running();
      },
      get waiting() {
        return waiting();
      },
      get beliefs() {
        return beliefs();
      },
    };
  }

  get timeMs(): number {
    return this.#time.nowMs;
  }

  get clients(): readonly ClientProcess[] {
    return [...this.#clients.values()];
  }

  get trace(): readonly string[] {
    return this.#trace.lines;
  }

  server(node: number): ServerProcess {
    const server = this.servers[node - 1];
    assert(server !== undefined, "a node is 1 to N");
    return server;
  }

  startClient(name: string, start: ClientStart = {}): ClientProcess {
    assert(!this.#clients.has(name), "a client has a name of its own");
    const host = this.#clientHosts.get(name) ?? this.network.addHost(name);
    this.#clientHosts.set(name, host);
    this.#note(`${name} starts`);
    const endpoints = [...(start.endpoints ?? this.servers.map(({ url }) => url))];
    const client = new SimClient(
      {
        ...{ name, host, time: this.#time, network: this.network, isEncoded: this.#isEncoded },
        prng: this.#chance.child(`client ${++this.#startedClients}`),
        hostAt: (url) => this.#hostAt(new URL(url).host),
        observe: (observation) => this.observe(observation),
        thrown: (where, error) => this.broken(where, error),
        ended: () => {
          this.#note(`${name} ends`);
          this.#clients.delete(name);
        },
      },
      { ...start, endpoints },
    );
    this.#clients.set(name, client);
    return client;
  }

  observe(observation: Observation): void {
    const nowMs = this.timeMs;
    this.#trace.add(nowMs, observation);
    for (const observer of this.#observers) observer(observation, nowMs);
  }

  onObservation(listener: (observation: Observation, nowMs: number) => void): void {
    this.#observers.push(listener);
  }

  onStep(listener: (view: WorldView) => void): void {
    this.#steppers.push(listener);
  }

  broken(where: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.observe({ kind: "broken", where, message });
  }

  async restore(backup: Uint8Array): Promise<void> {
    const token = `restored ${++this.#restored}`;
    await Promise.all(this.servers.map((server) => server.restore(backup, token)));
    this.observe({ kind: "another-cluster", saved: await savedIn(backup) });
    for (const server of this.servers) server.start();
  }

  async run(ms: number, isOver: () => boolean = () => false): Promise<void> {
    const untilUs = this.#time.nowUs + Math.round(ms * 1000);
    // What whoever plays with the world has just begun.
    await this.#options.drain();
    while (!isOver()) {
      if (!(await this.#time.step(untilUs))) {
        this.#time.passTo(untilUs);
        return;
      }
      this.steps++;
      for (const stepper of this.#steppers) stepper(this.#view);
    }
  }

  view(): WorldView {
    return this.#view;
  }

  get #isEncoded(): boolean {
    return this.#options.isEncoded ?? true;
  }

  #createServer(node: number, all: readonly number[]): SimServer {
    const { partitions, driftPpm, syncMs, limits } = this.#options;
    return new SimServer({
      node,
      members: all.map((member) => ({ node: member, address: addressOf(member) })),
      partitionCount: partitions,
      ...{ time: this.#time, network: this.network, isEncoded: this.#isEncoded },
      prng: this.#chance.child(`server ${node}`),
      driftPpm: driftPpm?.[node - 1] ?? 0,
      syncMs: syncMs ?? 0,
      limits: { ...SMALL_LIMITS, ...limits },
      hostAt: (address) => this.#hostAt(address),
      observe: (observation) => this.observe(observation),
      note: (text) => this.#note(text),
      viewChanged: () => {
        this.#running = this.servers.flatMap(({ view }) => view ?? []);
      },
      thrown: (where, error) => this.broken(where, error),
    });
  }

  #hostAt(address: string): string {
    return this.#hostsByAddress.get(address) ?? address;
  }

  #note(text: string): void {
    this.#trace.add(this.timeMs, text);
  }
}

/** Of each partition. */
async function savedIn(backup: Uint8Array): Promise<ReadonlyMap<number, readonly Uint8Array[]>> {
  const saved = new Map<number, readonly Uint8Array[]>();
  const whole = async function* (): AsyncGenerator<Uint8Array> {
    yield backup;
  };
  for await (const item of readStates(whole())) {
    if (item.kind === "state") saved.set(item.partition, [...snapshot(item.state)]);
  }
  return saved;
}
