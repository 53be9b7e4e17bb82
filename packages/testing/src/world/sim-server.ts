// SPDX-License-Identifier: Apache-2.0
/**
 * The real node on a simulated platform: virtual time, seeded chance, memory disks and the simulated
 * network, in a process that can be killed at any instant.
 */

import { assert, type CancelTimer, type Clock, type Prng } from "@conclave/base";
import type { CrashFate, MemoryDisk } from "@conclave/raft/memory";
import type { ElectionNode } from "@conclave/server";
import {
  createMember,
  createMemoryDirectory,
  type ListedMember,
  type MemberChance,
  type MemberLimits,
  type MemoryDirectory,
  openDirectory,
  type RunningMember,
  restoreInto,
} from "@conclave/server/member";
import { ClientDoor } from "./client-door.ts";
import type { Host } from "./connection.ts";
import { MemberTap } from "./member-tap.ts";
import type { SimNetwork } from "./network.ts";
import type { Observation, ServerLife } from "./observation.ts";
import { removeMember, saveSnapshot, transferLeadership } from "./operator-calls.ts";
import { acceptPeer, createSimDialer } from "./peer-streams.ts";
import type { ServerProcess, StartOptions } from "./server-process.ts";
import { type ResumeOrder, SimProcess } from "./sim-process.ts";
import type { VirtualTime } from "./virtual-time.ts";
import type { RunningServer } from "./world-view.ts";

export interface SimServerOptions {
  readonly node: number;
  /** Where the members of the first start are, this one among them. */
  readonly members: readonly ListedMember[];
  readonly partitionCount: number;
  readonly time: VirtualTime;
  readonly network: SimNetwork;
  readonly prng: Prng;
  readonly driftPpm: number;
  readonly syncMs: number;
  readonly limits: Partial<MemberLimits>;
  readonly isEncoded: boolean;
  readonly hostAt: (address: string) => string;
  readonly observe: (observation: Observation) => void;
  readonly note: (text: string) => void;
  /** `view` is another one from now on. */
  readonly viewChanged: () => void;
  readonly thrown: (where: string, error: unknown) => void;
}

type Ending = "stopped" | "killed" | "power-cut" | "failed";

/** How long a process that cannot go on takes to end in order, at most. */
const FAILED_STOP_MS = 1_000;

export class SimServer implements ServerProcess {
  readonly node: number;
  state: ServerProcess["state"] = "down";
  readonly #options: SimServerOptions;
  readonly #host: Host;
  /** Of the machine: what a sync waits for, whichever process is there. */
  readonly #diskClock: Clock;
  #directory: MemoryDirectory;
  #syncMs: number;
  #driftPpm: number;
  #wallJumpMs = 0;
  #starts = 0;
  /** Whom it asks to let it join, as its command line says from then on. Undefined: a first member. */
  #join: readonly number[] | undefined;
  #lives = 0;
  #process: SimProcess | undefined;
  #member: RunningMember | undefined;
  #tap: MemberTap | undefined;
  #door: ClientDoor | undefined;
  #view: RunningServer | undefined;

  constructor(options: SimServerOptions) {
    this.#options = options;
    this.node = options.node;
    this.#syncMs = options.syncMs;
    this.#driftPpm = options.driftPpm;
    this.#host = options.network.addHost(hostOf(options.node));
    this.#diskClock = {
      monotonicMs: () => options.time.nowMs,
      wallMs: () => options.time.nowMs,
      setTimer: (_delayMs, fire) => this.#afterSync(fire),
    };
    this.#directory = this.#freshDirectory();
  }

  get host(): string {
    return this.#host.name;
  }

  get url(): string {
    return `http://${addressOf(this.node)}`;
  }

  get isPaused(): boolean {
    return this.#process?.state === "paused";
  }

  get life(): ServerLife {
    return this.#tap?.life ?? { node: this.node, life: this.#lives, incarnation: 0 };
  }

  get disk(): MemoryDisk {
    return this.#directory.log();
  }

  get identityDisk(): MemoryDisk {
    return this.#directory.root;
  }

  get replicas(): ElectionNode | undefined {
    return this.#member?.serving?.replicas;
  }

  get view(): RunningServer | undefined {
    return this.#view;
  }

  start(options: StartOptions = {}): void {
    assert(this.state === "down", "a server is started when it is down");
    this.state = "starting";
    this.#starts++;
    this.#join = options.join ?? this.#join;
    const { time, network, thrown, note } = this.#options;
    if (!this.#host.isUp) network.machineUp(this.#host);
    const process = new SimProcess({ name: this.host, time, thrown, driftPpm: this.#driftPpm });
    process.clock.jumpWall(this.#wallJumpMs);
    this.#process = process;
    this.#host.process = process;
    note(`${this.host} starts`);
    process.take(() => void this.#run(process));
  }

  stop(): Promise<void> {
    const process = this.#process;
    if (process === undefined) return Promise.resolve();
    // A paused process gets its signal when it goes on.
    return new Promise((resolve) => {
      process.take(() => void this.#stop(process).then(resolve));
    });
  }

  kill(): void {
    const process = this.#process;
    if (process !== undefined) this.#ended(process, "killed", "");
  }

  powerCut(fate: CrashFate): void {
    const process = this.#process;
    this.#host.isUp = false;
    if (process === undefined) {
      this.#directory = this.#directory.crash(fate);
      return;
    }
    this.#ended(process, "power-cut", "", fate);
  }

  powerCutAt(operation: number, keptBytes: number, fate: CrashFate): void {
    const [process, disk] = [this.#process, this.disk];
    disk.cutAt(disk.operations + operation, keptBytes);
    void disk.cut.then(() => {
      if (this.#process === process) this.powerCut(fate);
    });
  }

  pause(): void {
    this.#process?.pause();
  }

  resume(order: ResumeOrder): void {
    this.#process?.resume(order);
  }

  suspend(): void {
    this.#process?.suspend();
  }

  wipe(): void {
    assert(this.state === "down", "a directory is emptied when nobody uses it");
    this.#join = undefined;
    this.#directory = this.#freshDirectory();
  }

  backup(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#process?.take(() => void saveSnapshot(this.#door).then(resolve, reject));
    });
  }

  /** Makes its directory anew, of a cluster that begins with a backup. It must be down. */
  async restore(backup: Uint8Array, clusterToken: string): Promise<void> {
    this.wipe();
    this.state = "restoring";
    const { node, members, prng } = this.#options;
    const read = async function* (): AsyncGenerator<Uint8Array> {
      yield backup;
    };
    const { nonce } = chanceOf(prng.child(`restore ${clusterToken}`));
    const wanted = { node, members, clusterToken };
    const outcome = await restoreInto(this.#directory, wanted, read, nonce());
    assert(outcome.kind === "restored", "a backup that was just taken is sound, and a disk empty");
    this.#options.note(`${this.host} is restored as of cluster ${outcome.clusterId}`);
    this.state = "down";
  }

  slowDisk(syncMs: number): void {
    this.#syncMs = syncMs;
  }

  drift(ppm: number): void {
    this.#driftPpm = ppm;
    this.#process?.clock.drift(ppm);
  }

  jumpWall(ms: number): void {
    this.#wallJumpMs += ms;
    this.#process?.clock.jumpWall(ms);
  }

  transfer(partition: number, toNode: number): void {
    this.#ask(() => transferLeadership(this.#door, partition, toNode));
  }

  removeMember(node: number): void {
    this.#ask(() => removeMember(this.#door, node));
  }

  async #stop(process: SimProcess): Promise<void> {
    const [member, door] = [this.#member, this.#door];
    if (this.state === "stopping") return;
    this.state = "stopping";
    await member?.handOver();
    this.#options.network.listen(this.#host, undefined);
    // As the front port does, before the streams are told: their ends are ours.
    door?.close();
    await member?.drain();
    await member?.stop();
    this.#ended(process, "stopped", "");
  }

  async #run(process: SimProcess): Promise<void> {
    const { node, members, partitionCount, network, isEncoded, observe, prng, hostAt } =
      this.#options;
    const { host, clock } = { host: this.#host, clock: process.clock };
    const directory = await openDirectory(this.#directory);
    if (this.#process !== process) return;
    if (directory.kind === "fault") {
      this.#ended(process, "failed", `${directory.reason} ${directory.detail}`);
      return;
    }
    const tap = new MemberTap({
      ...{ node, directory, observe },
      nextLife: () => ++this.#lives,
      partitionOf: ({ key }) => this.replicas?.homeOf(key).number ?? 0,
    });
    this.#tap = tap;
    const door = new ClientDoor(clock, isEncoded);
    this.#door = door;
    const member = createMember(
      {
        node,
        // Whoever joins is started without a list: its own is the cluster's by then.
        members: this.#join === undefined ? members : undefined,
        join: (this.#join ?? []).map(addressOf),
        partitionCount,
        clusterToken: undefined,
        version: "1.0.0",
        urlScheme: "http",
      },
      {
        clock,
        chance: chanceOf(prng.child(`process ${this.#starts}`)),
        directory: tap.directory,
        dialer: createSimDialer({
          ...{ network, host, clock, hostAt, isEncoded },
          sent: (address, frame) => tap.sent(nodeAt(address), frame),
        }),
        log: (level, text) => this.#options.note(`${host.name} ${level}: ${text}`),
        observer: tap.observer,
        limits: this.#options.limits,
        tapLogs: (open) => tap.logs(open),
      },
      { serving: () => this.#serves() },
    );
    this.#member = member;
    door.serve((router) => member.register(router));
    network.listen(host, (end) =>
      end.connection.purpose === "attach" ? door.accept(end) : acceptPeer(end, member, isEncoded),
    );
    const failed = (await member.start(addressOf(node))) ?? (await member.failed);
    await this.#fail(process, member, `${failed.reason}: ${failed.detail}`);
  }

  #serves(): void {
    const serving = this.#member?.serving;
    const [door, tap] = [this.#door, this.#tap];
    if (serving === undefined || door === undefined || tap === undefined) return;
    if (this.state === "starting") this.state = "running";
    door.serve((router) => serving.register(router));
    this.#show({ life: tap.life, groups: serving.logs, replicas: serving.replicas });
  }

  /** As the daemon, which says why and exits. */
  async #fail(process: SimProcess, member: RunningMember, detail: string): Promise<void> {
    if (this.#process !== process || this.state === "stopping") return;
    this.state = "stopping";
    const end = (): void => this.#ended(process, "failed", detail);
    process.clock.setTimer(FAILED_STOP_MS, end);
    await member.stop();
    end();
  }

  #ended(process: SimProcess, how: Ending, detail: string, fate?: CrashFate): void {
    if (this.#process !== process) return;
    process.end();
    this.#options.network.processEnded(this.#host, how !== "power-cut");
    this.#directory = fate === undefined ? this.#directory.kill() : this.#directory.crash(fate);
    this.#tap?.ended(how, detail);
    this.#options.note(`${this.host} ends: ${how} ${detail}`.trimEnd());
    this.#process = undefined;
    this.#member = undefined;
    this.#door = undefined;
    this.#show(undefined);
    this.state = "down";
  }

  #show(view: RunningServer | undefined): void {
    this.#view = view;
    this.#options.viewChanged();
  }

  /** What an operator asks for is done, or refused; the cluster's state says which. */
  #ask(question: () => unknown): void {
    this.#process?.take(() => {
      void Promise.resolve(question()).catch((error: unknown) => {
        this.#options.note(`${this.host} refuses an operator: ${String(error)}`);
      });
    });
  }

  #afterSync(fire: () => void): CancelTimer {
    const { time } = this.#options;
    // Without a process it is a tool that makes the directory, and nobody waits for that.
    return this.#process?.clock.setTimer(this.#syncMs, fire) ?? time.at(time.nowUs, fire);
  }

  #freshDirectory(): MemoryDirectory {
    return createMemoryDirectory({ sync: { clock: this.#diskClock, durationMs: 0 } });
  }
}

export function hostOf(node: number): string {
  return `node ${node}`;
}

/** HOST:PORT. */
export function addressOf(node: number): string {
  return `node-${node}:7400`;
}

function nodeAt(address: string): number {
  return Number(/^node-(\d+):/.exec(address)?.[1]);
}

function chanceOf(prng: Prng): MemberChance {
  const draw64 = (): bigint => (BigInt(prng.nextUint32()) << 32n) | BigInt(prng.nextUint32());
  return {
    seed: draw64,
    sessionId: () => draw64() | 1n,
    nonce: () => draw64().toString(16).padStart(16, "0"),
    incarnation: () => 1 + prng.below(2 ** 32 - 1),
  };
}
