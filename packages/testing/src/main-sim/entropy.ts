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
  const undo: (() => void)[] = [];
  let isShut = false;
  let first: Error | undefined;

  const offend = (name: string): void => {
    if (!isShut) return;
    const error = new Error(`${name} was used by ${callerOf(new Error().stack)}`);
    first ??= error;
    throw error;
  };
  const replace = (holder: object, key: string, value: unknown): void => {
    const before = Object.getOwnPropertyDescriptor(holder, key);
    // A getter that cannot be replaced, as `getRandomValues` of node:crypto: it gives the trapped one of
    // the object behind it.
    if (before?.configurable === false && before.writable !== true) return;
    Object.defineProperty(holder, key, { value, configurable: true, writable: true });
    undo.push(() => {
      if (before === undefined) Reflect.deleteProperty(holder, key);
      else Object.defineProperty(holder, key, before);
    });
  };
  const trap = (holder: object, key: string, name: string): void => {
    const real: unknown = Reflect.get(holder, key);
    if (typeof real !== "function") return;
    const apply = (_: object, self: unknown, args: unknown[]): unknown => {
      offend(name);
      return Reflect.apply(real, self, args);
    };
    replace(holder, key, new Proxy(real, { apply }));
  };

  for (const key of TIMERS) {
    trap(globalThis, key, key);
    trap(timers, key, key);
    trap(timersPromises, key, `timers/promises ${key}`);
  }
  for (const key of CHANCE) {
    trap(crypto, key, `crypto.${key}`);
    trap(globalThis.crypto, key, `crypto.${key}`);
  }
  trap(Math, "random", "Math.random");
  trap(performance, "now", "performance.now");
  trap(process, "uptime", "process.uptime");
  trap(process.hrtime, "bigint", "process.hrtime.bigint");
  trap(process, "hrtime", "process.hrtime");
  trap(AbortSignal, "timeout", "AbortSignal.timeout");
  trapDate(trap, replace, offend);
  for (const name of ["WeakRef", "FinalizationRegistry"]) {
    // When garbage is collected is the machine's choice.
    const construct = (real: NewableFunction, args: unknown[]): object => {
      offend(`new ${name}`);
      return Reflect.construct(real, args);
    };
    replace(globalThis, name, new Proxy(Reflect.get(globalThis, name), { construct }));
  }
  syncBuiltinESMExports();

  return {
    shutOut: async (run) => {
      first = undefined;
      isShut = true;
      try {
        const result = await run();
        if (first !== undefined) throw first;
        return result;
      } finally {
        isShut = false;
      }
    },
    turn: () => new Promise((resolve) => realImmediate(resolve)),
    release: () => {
      for (const step of undo.reverse()) step();
      syncBuiltinESMExports();
    },
  };
}

/** `new Date(0)` stays: it reads no clock. */
function trapDate(
  trap: (holder: object, key: string, name: string) => void,
  replace: (holder: object, key: string, value: unknown) => void,
  offend: (name: string) => void,
): void {
  trap(Date, "now", "Date.now");
  const trapped = new Proxy(Date, {
    construct: (real, args, target) => {
      if (args.length === 0) offend("new Date()");
      return Reflect.construct(real, args, target);
    },
    apply: (real) => {
      offend("Date()");
      return real();
    },
  });
  replace(Date.prototype, "constructor", trapped);
  replace(globalThis, "Date", trapped);
}

/** The first line of a stack that is not of this file. */
function callerOf(stack: string | undefined): string {
  const frames = stack?.split("\n").slice(1) ?? [];
  const caller = frames.find((frame) => !frame.includes(HERE) && !frame.includes("Reflect."));
  return caller?.trim().replace(/^at /, "") ?? "an unknown caller";
}
