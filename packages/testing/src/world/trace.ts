// SPDX-License-Identifier: Apache-2.0
/** A run as lines: virtual time first, then what was seen, so that two runs can be compared byte by byte. */

import type { Observation } from "./observation.ts";

interface Seen {
  readonly nowMs: number;
  readonly what: Observation | string;
}

export class Trace {
  readonly #seen: Seen[] = [];

  add(nowMs: number, what: Observation | string): void {
    this.#seen.push({ nowMs, what });
  }

  /** Made when they are asked for: most runs are never read. */
  get lines(): readonly string[] {
    return this.#seen.map(({ nowMs, what }) => `${nowMs.toFixed(3)} ${textOf(what)}`);
  }
}

function textOf(what: Observation | string): string {
  if (typeof what === "string") return what;
  const { kind, ...rest } = what;
  return `${kind} ${JSON.stringify(rest, written)}`;
}

function written(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes ${hashOf(value)}`;
  if (value instanceof Map) return Object.fromEntries(value);
  return value;
}

/** FNV-1a 32: tells one content from another. */
function hashOf(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16);
}
