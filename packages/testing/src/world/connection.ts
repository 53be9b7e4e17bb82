// SPDX-License-Identifier: Apache-2.0
/**
 * One connection between two simulated machines: two directions, each of which keeps the order of what
 * is sent on it, as TCP does.
 *
 * What is cut off is late and not lost; who is told of an end, and when, is the network's doing. A frame
 * of which its sender says that it may be lost may also come twice or out of order.
 */

import type { Prng } from "@conclave/base";
import type { SimProcess } from "./sim-process.ts";

/** What an end hears. Calls come as events of its process. */
export interface EndListener {
  frame(frame: unknown): void;
  /** The last call, unless this side closed or aborted first. */
  ended(cause: string): void;
  /** There is room again for what waits to be sent. */
  room(): void;
}

/** A machine, as the network sees it. */
export interface Host {
  readonly name: string;
  /** Undefined: no process runs on it. */
  process: SimProcess | undefined;
  /** False: it has no power. */
  isUp: boolean;
}

export type Message =
  | { readonly kind: "open"; readonly connection: Connection }
  | { readonly kind: "frame"; readonly end: ConnectionEnd; readonly frame: unknown }
  | { readonly kind: "room"; readonly end: ConnectionEnd }
  | { readonly kind: "ended"; readonly end: ConnectionEnd; readonly cause: string };

/** How messages travel. */
export interface Carrier {
  readonly prng: Prng;
  /** Carries a message of a direction, after those before it. */
  carry(direction: Direction, message: Message, isUnruly: boolean): void;
  forget(connection: Connection): void;
}

/** Frames that may be on their way in one direction before a sender that asks has to wait. */
const WINDOW = 16;

export class Direction {
  readonly from: Host;
  readonly to: Host;
  /** Held back by a cut, in order. */
  readonly held: Message[] = [];
  /** Nothing that is sent later arrives before this. */
  lastDueUs = 0;

  constructor(from: Host, to: Host) {
    this.from = from;
    this.to = to;
  }
}

export class Connection {
  readonly id: number;
  /** What it was opened for. */
  readonly purpose: string;
  readonly dialler: ConnectionEnd;
  readonly acceptor: ConnectionEnd;
  /** A router on the way has forgotten it: nothing that is sent arrives, and nobody is told. */
  isForgotten = false;

  constructor(id: number, purpose: string, from: Host, to: Host, carrier: Carrier) {
    this.id = id;
    this.purpose = purpose;
    const there = new Direction(from, to);
    const back = new Direction(to, from);
    this.dialler = new ConnectionEnd(this, from, there, carrier);
    this.acceptor = new ConnectionEnd(this, to, back, carrier);
  }

  otherThan(end: ConnectionEnd): ConnectionEnd {
    return end === this.dialler ? this.acceptor : this.dialler;
  }
}

export class ConnectionEnd {
  readonly connection: Connection;
  readonly host: Host;
  /** What this end sends. */
  readonly out: Direction;
  /** Its process has let go of it, or has ended, or has been told of the end. */
  isOver = false;
  listener: EndListener | undefined;
  readonly #carrier: Carrier;
  #onItsWay = 0;
  #isRoomAsked = false;

  constructor(connection: Connection, host: Host, out: Direction, carrier: Carrier) {
    this.connection = connection;
    this.host = host;
    this.out = out;
    this.#carrier = carrier;
  }

  get other(): ConnectionEnd {
    return this.connection.otherThan(this);
  }

  /** Something was sent that has not been taken. */
  get isUnanswered(): boolean {
    return this.#onItsWay > 0;
  }

  /** Whether more may be sent; if not, `room` is called when it may. */
  get hasRoom(): boolean {
    if (this.#onItsWay < WINDOW) return true;
    this.#isRoomAsked = true;
    return false;
  }

  /** @param isUnruly it may be lost, come twice or out of order, if the network is like that. */
  send(frame: unknown, isUnruly = false): void {
    if (this.isOver) return;
    this.#onItsWay++;
    this.#carrier.carry(this.out, { kind: "frame", end: this.other, frame }, isUnruly);
  }

  /** Ends it from this side; the other hears of it after all that was sent. */
  close(cause = "closed"): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#carrier.carry(this.out, { kind: "ended", end: this.other, cause }, false);
    this.#carrier.forget(this.connection);
  }

  /** A frame that was sent from here has been taken at the other end, or is lost for good. */
  taken(): void {
    this.#onItsWay--;
    if (!this.#isRoomAsked || this.isOver || this.#onItsWay >= WINDOW / 2) return;
    this.#isRoomAsked = false;
    this.#carrier.carry(this.other.out, { kind: "room", end: this }, false);
  }
}
