// SPDX-License-Identifier: Apache-2.0
/**
 * The one queue of everything that is going to happen in a simulated world, by virtual time and then by
 * the order in which it was asked for.
 *
 * Between two events all promises run dry. It reads no clock and draws no chance.
 */

import { assert, type CancelTimer } from "@conclave/base";

export interface VirtualTime {
  /** Whole microseconds since the world began. Never falls. */
  readonly nowUs: number;
  readonly nowMs: number;
  /** How many events are asked for and have neither happened nor been taken back. */
  readonly pending: number;
  /** Has `fire` called at that instant, at the earliest as the next event. Returns what takes it back. */
  at(dueUs: number, fire: () => void): CancelTimer;
  /**
   * Lets the earliest event happen and all that follows from it without time. False, and nothing has
   * happened: none is due by then.
   */
  step(untilUs: number): Promise<boolean>;
  /** Lets time pass without an event. */
  passTo(untilUs: number): void;
}

/**
 * @param drain resolves when every promise that can go on has: a turn of the real loop.
 * @param thrown is told of what an event throws.
 */
export function createVirtualTime(
  drain: () => Promise<void>,
  thrown: (error: unknown) => void,
): VirtualTime {
  return new EventQueue(drain, thrown);
}

interface Event {
  readonly dueUs: number;
  readonly order: number;
  /** Undefined: taken back. It stays in the heap until it is the earliest. */
  fire: (() => void) | undefined;
}

class EventQueue implements VirtualTime {
  nowUs = 0;
  pending = 0;
  readonly #drain: () => Promise<void>;
  readonly #thrown: (error: unknown) => void;
  /** A binary heap, the earliest first. */
  readonly #heap: Event[] = [];
  #order = 0;

  constructor(drain: () => Promise<void>, thrown: (error: unknown) => void) {
    this.#drain = drain;
    this.#thrown = thrown;
  }

  get nowMs(): number {
    return this.nowUs / 1000;
  }

  at(dueUs: number, fire: () => void): CancelTimer {
    assert(Number.isSafeInteger(dueUs), "virtual time is counted in whole microseconds");
    const event: Event = { dueUs: Math.max(dueUs, this.nowUs), order: this.#order++, fire };
    this.#push(event);
    this.pending++;
    return () => {
      if (event.fire === undefined) return;
      event.fire = undefined;
      this.pending--;
    };
  }

  async step(untilUs: number): Promise<boolean> {
    const event = this.#earliest();
    if (event === undefined || event.dueUs > untilUs) return false;
    this.#pop();
    this.pending--;
    this.nowUs = event.dueUs;
    const { fire } = event;
    event.fire = undefined;
    try {
      fire?.();
    } catch (error) {
      this.#thrown(error);
    }
    await this.#drain();
    return true;
  }

  passTo(untilUs: number): void {
    const next = this.#earliest();
    assert(next === undefined || next.dueUs > untilUs, "no event is passed over");
    this.nowUs = Math.max(this.nowUs, untilUs);
  }

  #earliest(): Event | undefined {
    while (this.#heap[0] !== undefined && this.#heap[0].fire === undefined) this.#pop();
    return this.#heap[0];
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, event)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      let child = heap[left];
      if (child === undefined) break;
      let index = left;
      const right = heap[left + 1];
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        index = left + 1;
      }
      if (isBefore(last, child)) break;
      heap[at] = child;
      at = index;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.dueUs < b.dueUs || (a.dueUs === b.dueUs && a.order < b.order);
}
