// SPDX-License-Identifier: Apache-2.0
/**
 * Does to a world what a schedule of faults says, and puts it right again when each is over.
 *
 * A server that ends by itself is started again after a moment, as a supervisor would.
 */

import type { ClientProcess } from "../world/client-process.ts";
import type { PathProfile } from "../world/network.ts";
import type { ServerProcess } from "../world/server-process.ts";
import type { World } from "../world/world.ts";
import { BEGINNINGS } from "./beginnings.ts";
import type { Fault } from "./fault.ts";
import type { FaultyWorld, Ongoing } from "./ongoing.ts";

export interface Faults {
  /** All that lasts is over, whoever is down is started, and nothing more goes wrong. */
  heal(): void;
}

const SUPERVISE_EVERY_MS = 250;

export function performFaults(faulty: FaultyWorld, faults: readonly Fault[]): Faults {
  const performer = new Performer(faulty);
  for (const fault of faults) {
    faulty.world.clock.setTimer(fault.atMs, () => performer.begin(fault));
  }
  performer.supervise();
  return performer;
}

class Performer implements Faults, Ongoing {
  readonly world: World;
  readonly path: PathProfile;
  readonly syncMs: number;
  readonly client: FaultyWorld["client"];
  readonly restartClient: FaultyWorld["restartClient"];
  /** What puts right that which lasts. */
  readonly #open = new Set<() => void>();
  /** Servers that are down on purpose. */
  readonly #down = new Set<ServerProcess>();
  #isHealed = false;

  constructor({ world, path, syncMs, client, restartClient }: FaultyWorld) {
    this.world = world;
    this.path = path;
    this.syncMs = syncMs;
    this.client = client;
    this.restartClient = restartClient;
  }

  begin(fault: Fault): void {
    if (this.#isHealed) return;
    this.world.observe({ kind: "fault", fault: JSON.stringify(fault) });
    beginOf(fault)(this);
  }

  heal(): void {
    this.#isHealed = true;
    for (const over of [...this.#open]) over();
    this.world.network.profile = this.path;
    this.world.network.healAll();
    for (const { disk } of this.world.servers) {
      disk.heal();
      disk.resize(Number.POSITIVE_INFINITY);
    }
    this.world.observe({ kind: "healed" });
  }

  supervise(): void {
    this.world.clock.setTimer(SUPERVISE_EVERY_MS, () => {
      for (const server of this.world.servers) {
        if (server.state === "down" && !this.#down.has(server)) server.start();
      }
      this.supervise();
    });
  }

  last(forMs: number, over: () => void): void {
    const end = (): void => {
      if (this.#open.delete(end)) over();
    };
    this.#open.add(end);
    this.world.clock.setTimer(forMs, end);
  }

  takeDown(node: number, downMs: number, end: (server: ServerProcess) => void): void {
    const server = this.world.server(node);
    if (server.state !== "running" && server.state !== "starting") return;
    this.#down.add(server);
    end(server);
    // From then on whoever supervises it starts it.
    this.last(downMs, () => this.#down.delete(server));
  }

  restore(backup: Uint8Array): void {
    for (const server of this.world.servers) server.kill();
    void this.world.restore(backup);
  }

  leader(partition: number): ServerProcess | undefined {
    return this.world.servers.find(({ view, isPaused }) => {
      return !isPaused && view?.groups[partition - 1]?.status().role.kind === "leader";
    });
  }

  process(host: string): ServerProcess | ClientProcess | undefined {
    const name = this.host(host);
    return this.world.servers.find((each) => each.host === name) ?? this.client(host);
  }

  host(name: string): string {
    const [, partition] = /^leader (\d+)$/.exec(name) ?? [];
    if (partition === undefined) return this.client(name)?.name ?? name;
    // Where nobody leads, it is as good at any node.
    return (this.leader(Number(partition)) ?? this.world.servers[0]!).host;
  }
}

/** The compiler cannot see that a fault and the function found under its kind belong together. */
function beginOf(fault: Fault): (on: Ongoing) => void {
  const begin = BEGINNINGS[fault.kind] as (on: Ongoing, fault: Fault) => void;
  return (on) => begin(on, fault);
}
