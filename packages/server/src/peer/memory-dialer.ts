// SPDX-License-Identifier: Apache-2.0
/**
 * The in-memory twin of the connections between nodes: streams in one process, with the faults that
 * streams have. Bytes on a stream are never lost, doubled or reordered; they are late, or the stream
 * breaks, or nothing comes any more and nobody says so.
 */

import type { ExchangeRequest, ExchangeResponse } from "@conclave/api/peer";
import type { Clock } from "@conclave/base";
import type { Introduction, JoinOutcome, JoinRequest } from "../wire/introduction.ts";
import type { PeerDialer, PeerIntroducer } from "./peer-dialer.ts";
import type { PeerMesh } from "./peer-mesh.ts";

/** What answers at an address. Absent parts are not there yet. */
interface MemoryListener {
  readonly accept?: PeerMesh["accept"];
  readonly introduce?: () => Introduction | undefined;
  readonly join?: (request: JoinRequest) => Promise<JoinOutcome>;
}

export interface MemoryPeers {
  /** The connections that a node at `from` can open. */
  dialer(from: string): PeerDialer & PeerIntroducer;
  /** Answers at the address until the function that is returned breaks all its streams. */
  listen(address: string, listener: MemoryListener): () => void;
  /** What `from` sends to `to` stays on the way, either side's frames, until `heal`; nobody is told. */
  silence(from: string, to: string): void;
  /** All that is on its way goes on. */
  heal(): void;
  /** Breaks the streams that `from` has dialled to `to`, as a reset does. */
  reset(from: string, to: string): void;
  /** How long a frame is on its way. Default 0: it is there in the next turn. */
  delayMs: number;
  /** Streams that were dialled so far. */
  readonly dialled: number;
}

/** Frames on their way, in one direction of a stream, before its sender must wait. */
const WINDOW = 4;

export function createMemoryPeers(clock: Clock): MemoryPeers {
  return new MemoryNetwork(clock);
}

class MemoryNetwork implements MemoryPeers {
  delayMs = 0;
  dialled = 0;
  readonly #clock: Clock;
  readonly #listeners = new Map<string, MemoryListener>();
  readonly #silenced = new Set<string>();
  readonly #pipes = new Set<Pipe<unknown>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  dialer(from: string): PeerDialer & PeerIntroducer {
    const reach = (to: string): MemoryListener | undefined => {
      const isCut = this.#isSilenced(from, to) || this.#isSilenced(to, from);
      return isCut ? undefined : this.#listeners.get(to);
    };
    return {
      exchange: (to, requests, signal) => this.#exchange(from, to, requests, signal),
      introduce: (to) => Promise.resolve(reach(to)?.introduce?.()),
      join: (to, request) => reach(to)?.join?.(request) ?? Promise.resolve(undefined),
    };
  }

  listen(address: string, listener: MemoryListener): () => void {
    this.#listeners.set(address, listener);
    return () => {
      if (this.#listeners.get(address) === listener) this.#listeners.delete(address);
      for (const pipe of [...this.#pipes]) {
        if (pipe.from === address || pipe.to === address) pipe.break();
      }
    };
  }

  silence(from: string, to: string): void {
    this.#silenced.add(`${from} ${to}`);
  }

  heal(): void {
    this.#silenced.clear();
    for (const pipe of this.#pipes) pipe.flow();
  }

  reset(from: string, to: string): void {
    for (const pipe of [...this.#pipes]) {
      if (pipe.dialledBy === from && (pipe.from === to || pipe.to === to)) pipe.break();
    }
  }

  #isSilenced(from: string, to: string): boolean {
    return this.#silenced.has(`${from} ${to}`);
  }

  async *#exchange(
    from: string,
    to: string,
    requests: AsyncIterable<ExchangeRequest>,
    signal: AbortSignal,
  ): AsyncGenerator<ExchangeResponse> {
    this.dialled++;
    const there = this.#pipe<ExchangeRequest>(from, to, from);
    const back = this.#pipe<ExchangeResponse>(to, from, from);
    const breakBoth = (): void => {
      there.break();
      back.break();
    };
    there.partner = back;
    back.partner = there;
    signal.addEventListener("abort", breakBoth);
    try {
      if (signal.aborted) throw new Error("cut");
      void there.pump(requests);
      // A connection that cannot be made stays silent for as long as its caller likes to wait.
      if (await there.reaches()) {
        const accept = this.#listeners.get(to)?.accept;
        if (accept === undefined) throw new Error("connection refused");
        void back.pump(accept(there.read()));
      }
      yield* back.read();
    } finally {
      signal.removeEventListener("abort", breakBoth);
      breakBoth();
    }
  }

  #pipe<Frame>(from: string, to: string, dialledBy: string): Pipe<Frame> {
    const isHeld = (): boolean => this.#isSilenced(from, to);
    const delayMs = (): number => this.delayMs;
    const pipe = new Pipe<Frame>({ from, to, dialledBy, isHeld, delayMs, clock: this.#clock });
    this.#pipes.add(pipe);
    pipe.broken = () => this.#pipes.delete(pipe);
    return pipe;
  }
}

interface Path {
  readonly from: string;
  readonly to: string;
  readonly dialledBy: string;
  readonly isHeld: () => boolean;
  readonly delayMs: () => number;
  readonly clock: Clock;
}

interface OnItsWay<Frame> {
  readonly frame: Frame | undefined;
  readonly dueMs: number;
}

/** One direction of a stream. */
class Pipe<Frame> {
  broken: () => void = () => {};
  partner: { break(): void } | undefined;
  readonly #path: Path;
  #onItsWay: OnItsWay<Frame>[] = [];
  #isBroken = false;
  #waiting: (() => void)[] = [];

  constructor(path: Path) {
    this.#path = path;
  }

  get from(): string {
    return this.#path.from;
  }

  get to(): string {
    return this.#path.to;
  }

  get dialledBy(): string {
    return this.#path.dialledBy;
  }

  /** Pulls frames while there is room for them; the end of the source is told after the last. */
  async pump(source: AsyncIterable<Frame>): Promise<void> {
    const iterator = source[Symbol.asyncIterator]();
    while (!this.#isBroken) {
      const { value, done } = await iterator.next();
      const { clock, delayMs } = this.#path;
      const dueMs = clock.monotonicMs() + delayMs();
      this.#onItsWay.push({ frame: done === true ? undefined : value, dueMs });
      this.flow();
      if (done === true) return;
      while (this.#onItsWay.length >= WINDOW && !this.#isBroken) await this.#change();
    }
    await iterator.return?.();
  }

  /** True once something can get through. */
  async reaches(): Promise<boolean> {
    while (this.#path.isHeld() && !this.#isBroken) await this.#change();
    return !this.#isBroken;
  }

  async *read(): AsyncGenerator<Frame> {
    for (;;) {
      if (this.#isBroken) throw new Error("connection reset");
      const next = this.#onItsWay[0];
      const leftMs = (next?.dueMs ?? 0) - this.#path.clock.monotonicMs();
      if (next === undefined || this.#path.isHeld()) {
        await this.#change();
      } else if (leftMs > 0) {
        this.#path.clock.setTimer(leftMs, () => this.flow());
        await this.#change();
      } else {
        this.#onItsWay.shift();
        this.flow();
        if (next.frame === undefined) {
          // The other direction has no reader any more either.
          this.partner?.break();
          return;
        }
        yield next.frame;
      }
    }
  }

  break(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.broken();
    this.flow();
    this.partner?.break();
  }

  /** Something may have changed for whoever waits. */
  flow(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
