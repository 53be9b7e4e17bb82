// SPDX-License-Identifier: Apache-2.0
/**
 * Shuts the machine's clock, chance and timers out of a simulated world: while one runs, each use of
 * them throws an error that names its caller, also when the caller swallows it.
 *
 * Installed before anything of the world is imported, so that a module that keeps `Date.now` for later
 * keeps the trap. Node's own internals hold the originals and are not touched.
 */

import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers";
import timersPromises from "node:timers/promises";
import { fileURLToPath } from "node:url";

export interface Entropy {
  /** Runs something to which time and chance are arguments; rejects if it reached for others. */
  shutOut<T>(run: () => Promise<T>): Promise<T>;
  /** One turn of the real event loop, which the world itself may not take. */
  turn(): Promise<void>;
  /** Puts everything back: for tests of the traps. */
  release(): void;
}

const TIMERS = ["setTimeout", "setInterval", "setImmediate"];
const CHANCE = [
  "getRandomValues",
  "randomBytes",
  "randomFill",
  "randomFillSync",
  "randomInt",
  "randomUUID",
  "generateKeyPair",
  "generateKeyPairSync",
];
const HERE = fileURLToPath(import.meta.url);

export function trapEntropy(): Entropy {
  const realImmediate = setImmediate;
  // Node loads what is behind these when it is first asked for, and what is loaded makes a registry.
  void new Headers();
  const traps = new Traps();
  trapTime(traps);
  trapChance(traps);
  syncBuiltinESMExports();
  return {
    shutOut: (run) => traps.shut(run),
    turn: () => new Promise((resolve) => realImmediate(resolve)),
    release: () => {
      traps.release();
      syncBuiltinESMExports();
    },
  };
}

function trapTime(traps: Traps): void {
  for (const key of TIMERS) {
    traps.set(globalThis, key, key);
    traps.set(timers, key, key);
    traps.set(timersPromises, key, `timers/promises ${key}`);
  }
  traps.set(performance, "now", "performance.now");
  traps.set(process, "uptime", "process.uptime");
  traps.set(process.hrtime, "bigint", "process.hrtime.bigint");
  traps.set(process, "hrtime", "process.hrtime");
  traps.set(AbortSignal, "timeout", "AbortSignal.timeout");
  traps.set(Date, "now", "Date.now");
  // `new Date(0)` stays: it reads no clock.
  const trapped = new Proxy(Date, {
    construct: (real, args, target) => {
      if (args.length === 0) traps.offend("new Date()");
      return Reflect.construct(real, args, target);
    },
    apply: (real) => {
      traps.offend("Date()");
      return real();
    },
  });
  traps.replace(Date.prototype, "constructor", trapped);
  traps.replace(globalThis, "Date", trapped);
}

function trapChance(traps: Traps): void {
  traps.set(Math, "random", "Math.random");
  for (const key of CHANCE) {
    traps.set(crypto, key, `crypto.${key}`);
    traps.set(globalThis.crypto, key, `crypto.${key}`);
  }
  // When garbage is collected is the machine's choice.
  for (const name of ["WeakRef", "FinalizationRegistry"]) {
    const construct = (real: NewableFunction, args: unknown[]): object => {
      traps.offend(`new ${name}`);
      return Reflect.construct(real, args);
    };
    traps.replace(globalThis, name, new Proxy(Reflect.get(globalThis, name), { construct }));
  }
}

class Traps {
  readonly #undo: (() => void)[] = [];
  #isShut = false;
  #first: Error | undefined;

  async shut<T>(run: () => Promise<T>): Promise<T> {
    this.#first = undefined;
    this.#isShut = true;
    try {
      const result = await run();
      if (this.#first !== undefined) throw this.#first;
      return result;
    } finally {
      this.#isShut = false;
    }
  }

  /** Something was used that is shut out, if it is. */
  offend(name: string): void {
    if (!this.#isShut) return;
    const error = new Error(`${name} was used by ${callerOf(new Error().stack)}`);
    this.#first ??= error;
    throw error;
  }

  /** Has a call of the function found there offend. */
  set(holder: object, key: string, name: string): void {
    const real: unknown = Reflect.get(holder, key);
    if (typeof real !== "function") return;
    const apply = (_: object, self: unknown, args: unknown[]): unknown => {
      this.offend(name);
      return Reflect.apply(real, self, args);
    };
    this.replace(holder, key, new Proxy(real, { apply }));
  }

  replace(holder: object, key: string, value: unknown): void {
    const before = Object.getOwnPropertyDescriptor(holder, key);
    // A getter that cannot be replaced, as `getRandomValues` of node:crypto: it gives the trapped one of
    // the object behind it.
    if (before?.configurable === false && before.writable !== true) return;
    Object.defineProperty(holder, key, { value, configurable: true, writable: true });
    this.#undo.push(() => {
      if (before === undefined) Reflect.deleteProperty(holder, key);
      else Object.defineProperty(holder, key, before);
    });
  }

  release(): void {
    for (const step of this.#undo.reverse()) step();
  }
}

/** The first line of a stack that is not of this file. */
function callerOf(stack: string | undefined): string {
  const frames = stack?.split("\n").slice(1) ?? [];
  const caller = frames.find((frame) => !frame.includes(HERE) && !frame.includes("Reflect."));
  return caller?.trim().replace(/^at /, "") ?? "an unknown caller";
}
