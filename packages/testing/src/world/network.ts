// SPDX-License-Identifier: Apache-2.0
/**
 * The network of a simulated world: machines by name, connections between them, and the faults of both.
 *
 * Connections keep order and lose nothing: a lost packet is late, a cut one is late until the cut heals.
 * A process that is killed leaves its kernel to say so; a machine without power says nothing, and when
 * it is back it answers whatever belongs to its former life with a reset.
 */

import { assert, type Prng } from "@conclave/base";
import {
  type Carrier,
  Connection,
  type ConnectionEnd,
  type Direction,
  type EndListener,
  type Host,
  type Message,
} from "./connection.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** How a path is, one way. */
export interface PathProfile {
  /** A frame is this long on its way, by chance between the two. */
  readonly minMs: number;
  readonly maxMs: number;
  /** Of 1,000 frames, how many are lost once and sent again: late, and all behind them too. */
  readonly lostPermille: number;
  /** Of 1,000 frames of Raft, how many are lost for good, come twice, and overtake or are overtaken. */
  readonly unruly: {
    readonly lostPermille: number;
    readonly doubledPermille: number;
    readonly reorderedPermille: number;
  };
}

export const CALM_PATH: PathProfile = {
  minMs: 0.2,
  maxMs: 1,
  lostPermille: 0,
  unruly: { lostPermille: 0, doubledPermille: 0, reorderedPermille: 0 },
};

/** What answers on a machine: takes a connection, or is not there. */
export type Accept = (end: ConnectionEnd) => EndListener;

export interface Network {
  readonly hosts: readonly string[];
  /** What the world's own paths are like, until told otherwise for one of them. */
  profile: PathProfile;
  /** Sets what one path is like, one way; undefined: as all are. */
  setPath(from: string, to: string, profile: PathProfile | undefined): void;
  /** What `from` sends to `to` waits until it is healed. Nobody is told. */
  cut(from: string, to: string): void;
  /** Hosts of different groups do not reach each other; what was cut before stays cut. */
  partition(groups: readonly (readonly string[])[]): void;
  /** What was cut goes on, one way or all. */
  heal(from: string, to: string): void;
  /** Everything: cuts, and paths that are not like the others. */
  healAll(): void;
  /** Breaks all connections between two machines; both are told. */
  reset(a: string, b: string): void;
  /** As a router that loses its table: only `told` hears that their connections are over. */
  sever(told: string, untold: string): void;
  /** How many connections stand. */
  readonly open: number;
}

/** After how long something that was held back is sent again, at most. */
const RESEND_MS_MAX = 200;
/** On what grid of time things arrive, so that what arrives together comes in one turn. */
const GRID_US = 1_000;

export class SimNetwork implements Network, Carrier {
  profile: PathProfile = CALM_PATH;
  readonly prng: Prng;
  readonly #time: VirtualTime;
  readonly #hosts = new Map<string, Host>();
  readonly #accepts = new Map<string, Accept>();
  readonly #paths = new Map<string, PathProfile>();
  readonly #cuts = new Set<string>();
  readonly #connections = new Set<Connection>();
  readonly #arrivals = new Map<Host, Map<number, Message[]>>();
  #dialled = 0;

  constructor(time: VirtualTime, prng: Prng) {
    this.#time = time;
    this.prng = prng;
  }

  get hosts(): readonly string[] {
    return [...this.#hosts.keys()];
  }

  get open(): number {
    return this.#connections.size;
  }

  addHost(name: string): Host {
    assert(!this.#hosts.has(name), "a machine has a name of its own");
    const host: Host = { name, process: undefined, isUp: true };
    this.#hosts.set(name, host);
    this.#arrivals.set(host, new Map());
    return host;
  }

  /** The machine answers from now on, while a process runs on it; undefined: it refuses. */
  listen(host: Host, accept: Accept | undefined): void {
    if (accept === undefined) this.#accepts.delete(host.name);
    else this.#accepts.set(host.name, accept);
  }

  /** Opens a connection. That it cannot be made is told as its end, or not at all. */
  dial(from: Host, to: string, purpose: string, listener: EndListener): ConnectionEnd {
    const target = this.#hosts.get(to) ?? { name: to, process: undefined, isUp: true };
    const connection = new Connection(++this.#dialled, purpose, from, target, this);
    this.#connections.add(connection);
    connection.dialler.listener = listener;
    this.carry(connection.dialler.out, { kind: "open", connection }, false);
    return connection.dialler;
  }

  /** The process on the machine is gone: `told`, and the kernel closes what it had open. */
  processEnded(host: Host, isTold: boolean): void {
    for (const end of this.#endsOf(host)) {
      if (isTold) {
        end.close("connection reset");
      } else {
        end.isOver = true;
        // What its kernel still meant to send again is gone with it.
        end.out.held.length = 0;
      }
    }
    this.listen(host, undefined);
    host.process = undefined;
  }

  /** The machine has power again. Who had sent it something learns that it knows nothing of it. */
  machineUp(host: Host): void {
    host.isUp = true;
    for (const connection of [...this.#connections]) {
      const end = this.#endAt(connection, host);
      if (end === undefined || !end.isOver) continue;
      if (end.other.isUnanswered && !end.other.isOver) this.#refuse(end, "connection reset");
    }
    this.#sendAgain();
  }

  setPath(from: string, to: string, profile: PathProfile | undefined): void {
    if (profile === undefined) this.#paths.delete(pathOf(from, to));
    else this.#paths.set(pathOf(from, to), profile);
  }

  cut(from: string, to: string): void {
    this.#cuts.add(pathOf(from, to));
  }

  partition(groups: readonly (readonly string[])[]): void {
    for (const [i, group] of groups.entries()) {
      for (const other of groups.filter((_, j) => j !== i).flat()) {
        for (const host of group) this.cut(host, other);
      }
    }
  }

  heal(from: string, to: string): void {
    this.#cuts.delete(pathOf(from, to));
    this.#sendAgain();
  }

  healAll(): void {
    this.#cuts.clear();
    this.#paths.clear();
    this.#sendAgain();
  }

  reset(a: string, b: string): void {
    for (const connection of this.#between(a, b)) {
      for (const end of [connection.dialler, connection.acceptor]) this.#tell(end);
    }
  }

  sever(told: string, untold: string): void {
    for (const connection of this.#between(told, untold)) {
      connection.isForgotten = true;
      const { dialler, acceptor } = connection;
      this.#tell(dialler.host.name === told ? dialler : acceptor);
    }
  }

  carry(direction: Direction, message: Message, isUnruly: boolean): void {
    if (this.#isHeld(direction, message)) {
      direction.held.push(message);
      return;
    }
    const { unruly } = this.#profileOf(direction);
    const isOut = (permille: number): boolean => isUnruly && this.#happens(permille);
    if (isOut(unruly.lostPermille)) {
      if (message.kind === "frame") message.end.other.taken();
      return;
    }
    if (isOut(unruly.doubledPermille)) this.#schedule(direction, message, true);
    this.#schedule(direction, message, isOut(unruly.reorderedPermille));
  }

  forget(connection: Connection): void {
    if (connection.dialler.isOver && connection.acceptor.isOver) {
      this.#connections.delete(connection);
    }
  }

  #isHeld({ from, to, held }: Direction, message: Message): boolean {
    // A connection needs both ways to come about.
    const isOneWay = message.kind !== "open";
    const isCut = (a: Host, b: Host): boolean =>
      this.#cuts.size > 0 && this.#cuts.has(pathOf(a.name, b.name));
    return held.length > 0 || !to.isUp || isCut(from, to) || (!isOneWay && isCut(to, from));
  }

  /** @param isLoose it keeps no order. */
  #schedule(direction: Direction, message: Message, isLoose: boolean): void {
    const { to } = direction;
    const delayUs = this.#delayUs(direction, message) * (isLoose ? 8 : 1);
    const arrivalUs = this.#time.nowUs + delayUs;
    const dueUs = Math.ceil(Math.max(arrivalUs, isLoose ? 0 : direction.lastDueUs) / GRID_US);
    if (!isLoose) direction.lastDueUs = dueUs * GRID_US;
    this.#arrive(to, dueUs * GRID_US, message);
  }

  #delayUs(direction: Direction, message: Message): number {
    const { minMs, maxMs, lostPermille } = this.#profileOf(direction);
    const spanUs = Math.max(1, Math.round((maxMs - minMs) * 1000));
    let delayUs = Math.round(minMs * 1000) + this.prng.below(spanUs);
    // There, back, and there again with the first bytes.
    if (message.kind === "open") delayUs *= 3;
    if (this.#happens(lostPermille)) delayUs += 1000 * (50 + this.prng.below(RESEND_MS_MAX));
    return delayUs;
  }

  #arrive(to: Host, dueUs: number, message: Message): void {
    const arrivals = this.#arrivals.get(to);
    const already = arrivals?.get(dueUs);
    if (already !== undefined) {
      already.push(message);
      return;
    }
    const messages = [message];
    arrivals?.set(dueUs, messages);
    this.#time.at(dueUs, () => {
      arrivals?.delete(dueUs);
      this.#hand(to, messages);
    });
  }

  /** What arrives while nobody is there to take it is answered by the kernel, or by nobody. */
  #hand(to: Host, messages: readonly Message[]): void {
    const { process } = to;
    if (!to.isUp) {
      for (const message of messages) if (message.kind === "open") this.#heldAgain(message);
      return;
    }
    if (process === undefined) {
      for (const message of messages) this.#deliver(to, message);
      return;
    }
    process.take(() => {
      for (const message of messages) this.#deliver(to, message);
    });
  }

  #deliver(to: Host, message: Message): void {
    if (message.kind === "open") {
      const { connection } = message;
      const accept = this.#accepts.get(to.name);
      if (connection.isForgotten || connection.acceptor.isOver) return;
      if (accept === undefined) this.#refuse(connection.acceptor, "connection refused");
      else connection.acceptor.listener = accept(connection.acceptor);
      return;
    }
    const { end } = message;
    if (message.kind === "frame") this.#taken(end);
    if (end.connection.isForgotten) {
      // A reset that was told on purpose; a router that knows nothing of it carries nothing.
      if (message.kind === "ended" && !end.isOver) this.#over(end, message.cause);
      return;
    }
    if (end.isOver) {
      if (message.kind === "frame" && !end.other.isOver) this.#refuse(end, "connection reset");
      return;
    }
    if (message.kind === "frame") end.listener?.frame(message.frame);
    else if (message.kind === "room") end.listener?.room();
    else this.#over(end, message.cause);
  }

  #taken(end: ConnectionEnd): void {
    // A forgotten connection swallows everything, and the sender's buffer fills.
    if (!end.connection.isForgotten) end.other.taken();
  }

  #over(end: ConnectionEnd, cause: string): void {
    end.isOver = true;
    this.forget(end.connection);
    end.listener?.ended(cause);
  }

  /** The kernel, or nobody, stands at `end`; the other side is told so. */
  #refuse(end: ConnectionEnd, cause: string): void {
    end.isOver = false;
    end.close(cause);
  }

  #heldAgain(message: Message & { readonly kind: "open" }): void {
    message.connection.dialler.out.held.unshift(message);
  }

  #tell(end: ConnectionEnd): void {
    const message: Message = { kind: "ended", end, cause: "connection reset" };
    this.#arrive(end.host, this.#time.nowUs, message);
  }

  #sendAgain(): void {
    for (const connection of [...this.#connections]) {
      for (const { out } of [connection.dialler, connection.acceptor]) this.#release(out);
    }
  }

  #release(direction: Direction): void {
    const waiting = direction.held.splice(0);
    const first = waiting[0];
    if (first === undefined) return;
    if (this.#isHeld(direction, first)) {
      direction.held.push(...waiting);
      return;
    }
    const againUs = this.#time.nowUs + 1000 * (1 + this.prng.below(RESEND_MS_MAX));
    direction.lastDueUs = Math.max(direction.lastDueUs, againUs);
    for (const message of waiting) this.carry(direction, message, false);
  }

  #between(a: string, b: string): Connection[] {
    return [...this.#connections].filter(({ dialler, acceptor }) => {
      const names = [dialler.host.name, acceptor.host.name];
      return names.includes(a) && names.includes(b);
    });
  }

  #endsOf(host: Host): ConnectionEnd[] {
    return [...this.#connections].flatMap((connection) => {
      const end = this.#endAt(connection, host);
      return end === undefined || end.isOver ? [] : [end];
    });
  }

  #endAt({ dialler, acceptor }: Connection, host: Host): ConnectionEnd | undefined {
    if (dialler.host === host) return dialler;
    return acceptor.host === host ? acceptor : undefined;
  }

  #profileOf({ from, to }: Direction): PathProfile {
    if (this.#paths.size === 0) return this.profile;
    return this.#paths.get(pathOf(from.name, to.name)) ?? this.profile;
  }

  #happens(permille: number): boolean {
    return permille > 0 && this.prng.chance(permille, 1_000);
  }
}

function pathOf(from: string, to: string): string {
  return `${from} ${to}`;
}
