// SPDX-License-Identifier: Apache-2.0
/**
 * The network between servers, as proxies: one in front of each server, at an address of the loopback
 * network, on the server's own port. Who dials is told by the id of the process that owns the other
 * end of the connection, so that each direction of each pair of nodes can be treated by itself.
 *
 * Linux only: it reads /proc, and uses addresses other than 127.0.0.1.
 */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";

/** What becomes of the bytes that one node sends to another. */
interface Treatment {
  /** They disappear, without an end or a reset: what a firewall that drops does. */
  readonly isSilent?: boolean;
  /** They arrive this much later, in order. */
  readonly delayMs?: number;
  /** From 0 to 1: packets that are lost. TCP sends them again, so they and all behind them are late. */
  readonly lossShare?: number;
}

export interface Links {
  /** What the other servers are told: HOST:PORT. */
  addressOf(node: number): string;
  /** Of what `from` sends to `to`, over connections of either's making, from now on. */
  treat(from: number, to: number, treatment: Treatment): void;
  /** Resets the connections between two nodes. */
  reset(one: number, other: number): void;
  /** Both directions of every pair between the two sides. */
  cut(side: readonly number[], otherSide: readonly number[]): void;
  /**
   * Every direction as at the beginning. Connections that were silent are reset: what they lost is
   * lost, and TCP would have found out.
   */
  heal(): void;
  close(): void;
}

/** Linux resends no sooner than this. */
const RETRANSMISSION_MS = 200;

export async function createLinks(
  ports: readonly number[],
  pidOf: (node: number) => number | undefined,
): Promise<Links> {
  const network = new Network(ports.length, pidOf);
  const servers: Server[] = [];
  for (const [i, port] of ports.entries()) {
    const server = createServer((socket) => network.accept(socket, i + 1, port));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, hostOf(i + 1), resolve);
    });
    servers.push(server);
  }
  const pairs = (side: readonly number[], otherSide: readonly number[]) =>
    side.flatMap((one) => otherSide.map((other) => [one, other] as const));
  return {
    addressOf: (node) => `${hostOf(node)}:${ports[node - 1]}`,
    treat: (from, to, treatment) => network.treatments.set(keyOf(from, to), treatment),
    reset: (one, other) => network.reset((a, b) => keyOf(a, b) === keyOf(one, other)),
    cut(side, otherSide) {
      for (const [one, other] of pairs(side, otherSide)) {
        network.treatments.set(keyOf(one, other), { isSilent: true });
        network.treatments.set(keyOf(other, one), { isSilent: true });
      }
    },
    heal() {
      const silent = [...network.treatments].filter(([, { isSilent }]) => isSilent === true);
      network.treatments.clear();
      network.reset((a, b) => silent.some(([key]) => key === keyOf(a, b) || key === keyOf(b, a)));
    },
    close() {
      network.reset(() => true);
      for (const server of servers) server.close();
    },
  };
}

interface Path {
  /** 0: a client, which no treatment is for. */
  readonly dialler: number;
  readonly target: number;
  readonly sockets: readonly Socket[];
}

class Network {
  readonly treatments: Map<string, Treatment> = new Map();
  readonly #paths: Set<Path> = new Set();
  readonly #nodes: number;
  readonly #pidOf: (node: number) => number | undefined;

  constructor(nodes: number, pidOf: (node: number) => number | undefined) {
    this.#nodes = nodes;
    this.#pidOf = pidOf;
  }

  accept(near: Socket, target: number, port: number): void {
    const dialler = this.#diallerOf(near);
    const far = connect(port, "127.0.0.1");
    const path: Path = { dialler, target, sockets: [near, far] };
    this.#paths.add(path);
    for (const socket of path.sockets) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#paths.delete(path);
        // The end of a connection is news too, which must not pass where nothing does.
        if (!this.#isSilent(dialler, target)) for (const one of path.sockets) one.destroy();
      });
    }
    this.#pass(near, far, keyOf(dialler, target));
    this.#pass(far, near, keyOf(target, dialler));
  }

  reset(isMeant: (dialler: number, target: number) => boolean): void {
    for (const { dialler, target, sockets } of this.#paths) {
      if (isMeant(dialler, target)) for (const socket of sockets) socket.resetAndDestroy();
    }
  }

  #pass(from: Socket, to: Socket, direction: string): void {
    const line = new DelayLine((chunk) => to.write(chunk));
    from.on("data", (chunk) => {
      const { isSilent = false, delayMs = 0, lossShare = 0 } = this.treatments.get(direction) ?? {};
      if (isSilent) return;
      const isLost = Math.random() < lossShare;
      line.push(chunk, delayMs + (isLost ? RETRANSMISSION_MS : 0));
    });
  }

  #isSilent(dialler: number, target: number): boolean {
    const keys = [keyOf(dialler, target), keyOf(target, dialler)];
    return keys.some((key) => this.treatments.get(key)?.isSilent === true);
  }

  #diallerOf({ remotePort, remoteAddress }: Socket): number {
    const inode = inodeOf(remoteAddress ?? "", remotePort ?? 0);
    for (let node = 1; node <= this.#nodes; node++) {
      const pid = this.#pidOf(node);
      if (inode !== undefined && pid !== undefined && owns(pid, inode)) return node;
    }
    return 0;
  }
}

/** Bytes on their way. None overtakes those before it, however much later those are. */
class DelayLine {
  readonly #deliver: (chunk: Uint8Array) => void;
  readonly #waiting: { readonly chunk: Uint8Array; readonly dueMs: number }[] = [];

  constructor(deliver: (chunk: Uint8Array) => void) {
    this.#deliver = deliver;
  }

  push(chunk: Uint8Array, delayMs: number): void {
    if (delayMs === 0 && this.#waiting.length === 0) {
      this.#deliver(chunk);
      return;
    }
    const lastDueMs = this.#waiting.at(-1)?.dueMs ?? 0;
    const dueMs = Math.max(lastDueMs, performance.now() + delayMs);
    this.#waiting.push({ chunk, dueMs });
    if (this.#waiting.length === 1) this.#wait(dueMs);
  }

  #wait(dueMs: number): void {
    setTimeout(
      () => {
        const nowMs = performance.now();
        while ((this.#waiting[0]?.dueMs ?? Number.POSITIVE_INFINITY) <= nowMs) {
          const due = this.#waiting.shift();
          if (due !== undefined) this.#deliver(due.chunk);
        }
        const next = this.#waiting[0];
        if (next !== undefined) this.#wait(next.dueMs);
      },
      Math.max(1, dueMs - performance.now()),
    );
  }
}

function hostOf(node: number): string {
  return `127.0.1.${node}`;
}

function keyOf(from: number, to: number): string {
  return `${from}>${to}`;
}

/** Of the socket that is bound to this address, by the kernel's table of connections. */
function inodeOf(host: string, port: number): string | undefined {
  const address = host.split(".").reverse().map(hex).join("");
  const local = `${address}:${hex(port >> 8)}${hex(port & 0xff)}`;
  const line = readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .map((text) => text.trim().split(/\s+/))
    .find((fields) => fields[1] === local);
  return line?.[9];
}

function hex(byte: number | string): string {
  return Number(byte).toString(16).toUpperCase().padStart(2, "0");
}

function owns(pid: number, inode: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((fd) => linkOf(`${folder}/${fd}`) === `socket:[${inode}]`);
  } catch {
    return false;
  }
}

/** Undefined for one that was closed meanwhile. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
