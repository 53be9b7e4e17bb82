// SPDX-License-Identifier: Apache-2.0
/**
 * The network of a test's cluster, as TCP proxies on the loopback address: one for each pair of who
 * dials and which node is dialled, so that each direction of each pair can be treated by itself.
 *
 * It passes bytes and knows nothing of what they say.
 */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Prng } from "@conclave/base";
import { DelayLine } from "./delay-line.ts";

/** Who is on the network: a node's number, or the name of a client. */
export type Place = number | string;

/** What becomes of the bytes that one party sends to another. */
export interface Treatment {
  /** They disappear, without an end or a reset: what a firewall that drops does. */
  readonly isSilent?: boolean;
  /** They arrive this much later, in order. */
  readonly delayMs?: number;
  /** From 0 to 1: packets that are lost. TCP sends them again, so they and all behind them are late. */
  readonly lossShare?: number;
}

interface Path {
  readonly from: Place;
  readonly to: Place;
  readonly sockets: readonly Socket[];
}

const HOST = "127.0.0.1";
/** Linux resends no sooner than this. */
const RETRANSMISSION_MS = 200;

export class ClusterNetwork {
  readonly #prng: Prng;
  readonly #treatments: Map<string, Treatment> = new Map();
  /** Where each node listens at present. */
  readonly #ports: Map<number, number> = new Map();
  readonly #paths: Set<Path> = new Set();
  readonly #proxies: Set<Server> = new Set();

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  /** Opens a way from a party to a node, up or not: the HOST:PORT that the party is to dial. */
  async open(from: Place, to: number): Promise<string> {
    const proxy = createServer((socket) => this.#accept(socket, from, to));
    this.#proxies.add(proxy);
    proxy.listen(0, HOST);
    await once(proxy, "listening");
    return `${HOST}:${(proxy.address() as AddressInfo).port}`;
  }

  /** The node listens here from now on; undefined: nowhere, and whoever dials it is refused. */
  locate(node: number, port: number | undefined): void {
    if (port === undefined) this.#ports.delete(node);
    else this.#ports.set(node, port);
  }

  /** Of what `from` sends to `to`, over connections of either's making, from now on. */
  treat(from: Place, to: Place, treatment: Treatment): void {
    this.#treatments.set(keyOf(from, to), treatment);
  }

  /** Resets the connections between two parties. */
  reset(one: Place, other: Place): void {
    this.#reset(({ from, to }) => isBetween(from, to, one, other));
  }

  /** Resets all connections of a party. */
  resetAll(party: Place): void {
    this.#reset(({ from, to }) => from === party || to === party);
  }

  /**
   * Every direction as at the beginning. Connections that were silent are reset: what they lost is
   * lost, and TCP would have found out.
   */
  heal(): void {
    const isHealed = ({ from, to }: Path): boolean => this.#isSilent(from, to);
    const silent = new Set([...this.#paths].filter(isHealed));
    this.#treatments.clear();
    this.#reset((path) => silent.has(path));
  }

  close(): void {
    this.#reset(() => true);
    for (const proxy of this.#proxies) proxy.close();
  }

  #accept(near: Socket, from: Place, to: number): void {
    near.on("error", () => {});
    const port = this.#ports.get(to);
    if (port === undefined) {
      near.resetAndDestroy();
      return;
    }
    const far = connect(port, HOST);
    const path: Path = { from, to, sockets: [near, far] };
    this.#paths.add(path);
    for (const socket of path.sockets) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => this.#closed(path));
    }
    this.#pass(near, far, from, to);
    this.#pass(far, near, to, from);
  }

  #closed(path: Path): void {
    // The end of a connection is news too, which must not pass where nothing does.
    if (this.#isSilent(path.from, path.to)) return;
    this.#paths.delete(path);
    for (const socket of path.sockets) socket.destroy();
  }

  #pass(source: Socket, target: Socket, from: Place, to: Place): void {
    const line = new DelayLine((chunk) => {
      if (!target.write(chunk)) source.pause();
    });
    target.on("drain", () => source.resume());
    source.on("data", (chunk: Uint8Array) => {
      const {
        isSilent = false,
        delayMs = 0,
        lossShare = 0,
      } = this.#treatments.get(keyOf(from, to)) ?? {};
      if (isSilent) return;
      const isLost = this.#prng.below(2 ** 32) < lossShare * 2 ** 32;
      line.push(chunk, delayMs + (isLost ? RETRANSMISSION_MS : 0));
    });
  }

  #reset(isMeant: (path: Path) => boolean): void {
    for (const path of [...this.#paths].filter(isMeant)) {
      this.#paths.delete(path);
      for (const socket of path.sockets) socket.resetAndDestroy();
    }
  }

  #isSilent(one: Place, other: Place): boolean {
    const keys = [keyOf(one, other), keyOf(other, one)];
    return keys.some((key) => this.#treatments.get(key)?.isSilent === true);
  }
}

function isBetween(from: Place, to: Place, one: Place, other: Place): boolean {
  return (from === one && to === other) || (from === other && to === one);
}

function keyOf(from: Place, to: Place): string {
  return `${from}>${to}`;
}
