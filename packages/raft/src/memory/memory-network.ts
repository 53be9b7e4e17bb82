// SPDX-License-Identifier: Apache-2.0
/**
 * The honest in-memory twin of a network: it delays, loses, doubles and reorders frames, and cuts one
 * direction of a path, as it is told; chance comes from its Prng and time from its clock.
 *
 * Frames of one path keep their order unless reordering is asked for, as those of a stream do. It
 * tells nobody that a frame was lost.
 */

import { assert, type Clock, type Prng } from "@conclave/base";
import type { Host } from "../host.ts";
import type { ReplicaId } from "../ids.ts";
import type { GroupMessage, Transport } from "../transport.ts";

/** Of frames, each by itself. */
export interface NetworkFaults {
  /** Drawn for each frame, both ends included. Default 1 to 1. */
  readonly delayMs: { readonly min: number; readonly max: number };
  /** How many of a thousand are lost, and how many arrive twice. Default 0. */
  readonly lostPermille: number;
  readonly doubledPermille: number;
  /** Frames of one path may overtake each other. Default false. */
  readonly isReordering: boolean;
}

export interface MemoryNetworkOptions {
  readonly clock: Clock;
  readonly prng: Prng;
}

/** One replica's end of the network. */
export interface MemoryConnection extends Transport {
  /** Frames go to this host from now on; those that came before are lost. */
  bind(host: Pick<Host, "receive">): void;
  /** Nothing arrives or leaves any more, what is on its way included. */
  close(): void;
}

export interface MemoryNetwork {
  /** Joins a replica to the network; an earlier connection of the same one is closed. */
  connect(replica: ReplicaId): MemoryConnection;
  /** Of what is sent from now on. */
  setFaults(faults: Partial<NetworkFaults>): void;
  /** From now on nothing gets from `from` to `to`; the other direction is as it was. */
  cut(from: ReplicaId, to: ReplicaId): void;
  /** Ends all cuts. */
  heal(): void;
}

export function createMemoryNetwork(options: MemoryNetworkOptions): MemoryNetwork {
  return new TwinNetwork(options);
}

const NO_FAULTS: NetworkFaults = {
  delayMs: { min: 1, max: 1 },
  lostPermille: 0,
  doubledPermille: 0,
  isReordering: false,
};

class Connection implements MemoryConnection {
  readonly #replica: ReplicaId;
  readonly #network: TwinNetwork;
  #host: Pick<Host, "receive"> | undefined;
  #isClosed = false;

  constructor(replica: ReplicaId, network: TwinNetwork) {
    this.#replica = replica;
    this.#network = network;
  }

  bind(host: Pick<Host, "receive">): void {
    this.#host = host;
  }

  close(): void {
    this.#isClosed = true;
  }

  send(to: ReplicaId, messages: readonly GroupMessage[]): void {
    if (this.#isClosed) return;
    this.#network.carry(this.#replica, to, messages, () => !this.#isClosed);
  }

  take(from: ReplicaId, messages: readonly GroupMessage[]): void {
    if (!this.#isClosed) this.#host?.receive(from, messages);
  }
}

class TwinNetwork implements MemoryNetwork {
  readonly #clock: Clock;
  readonly #prng: Prng;
  readonly #connections = new Map<ReplicaId, Connection>();
  readonly #cuts = new Set<string>();
  /** Of each path: when its last frame arrives. */
  readonly #lastMs = new Map<string, number>();
  #faults = NO_FAULTS;

  constructor({ clock, prng }: MemoryNetworkOptions) {
    this.#clock = clock;
    this.#prng = prng;
  }

  connect(replica: ReplicaId): MemoryConnection {
    this.#connections.get(replica)?.close();
    const connection = new Connection(replica, this);
    this.#connections.set(replica, connection);
    return connection;
  }

  setFaults(faults: Partial<NetworkFaults>): void {
    this.#faults = { ...NO_FAULTS, ...faults };
  }

  cut(from: ReplicaId, to: ReplicaId): void {
    this.#cuts.add(pathOf(from, to));
  }

  heal(): void {
    this.#cuts.clear();
  }

  /** @param isSent whether the sender still is what it was: its end takes back what is on its way. */
  carry(
    from: ReplicaId,
    to: ReplicaId,
    messages: readonly GroupMessage[],
    isSent: () => boolean,
  ): void {
    assert(from !== to, "a replica does not send to itself");
    const { lostPermille, doubledPermille } = this.#faults;
    if (this.#prng.chance(lostPermille, 1_000)) return;
    const copies = this.#prng.chance(doubledPermille, 1_000) ? 2 : 1;
    // To whoever is there now: a replica that comes back later is not sent what was meant for it.
    const target = this.#connections.get(to);
    for (let copy = 0; copy < copies; copy++) {
      this.#clock.setTimer(this.#delayMs(from, to), () => {
        if (isSent() && !this.#cuts.has(pathOf(from, to))) target?.take(from, messages);
      });
    }
  }

  #delayMs(from: ReplicaId, to: ReplicaId): number {
    const { delayMs, isReordering } = this.#faults;
    const drawn = delayMs.min + this.#prng.below(delayMs.max - delayMs.min + 1);
    if (isReordering) return drawn;
    const nowMs = this.#clock.monotonicMs();
    const path = pathOf(from, to);
    const arrivesMs = Math.max(nowMs + drawn, this.#lastMs.get(path) ?? 0);
    this.#lastMs.set(path, arrivesMs);
    return arrivesMs - nowMs;
  }
}

function pathOf(from: ReplicaId, to: ReplicaId): string {
  return `${from} ${to}`;
}
