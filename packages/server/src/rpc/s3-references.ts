// SPDX-License-Identifier: Apache-2.0
/**
 * How often each connection has created a primitive of S3 and not closed it again.
 *
 * Several parts of one application may share a connection; the Close of one must not take the
 * primitive from the others (bug 48). The original did not count.
 */

import { keyText, type PrimitiveKey } from "@conclave/fsm";
import type { Carrier } from "./carrier-sessions.ts";
import type { Connection } from "./connection-context.ts";

export class S3References {
  /** They go with the connection. */
  readonly #counts = new WeakMap<Connection, Map<string, number>>();

  add(carrier: Carrier, key: PrimitiveKey): void {
    const { connection } = carrier;
    // Calls of one caller come through many connections there, and its session is its own affair.
    if (connection?.isShared !== true) return;
    const counts = this.#counts.get(connection) ?? new Map<string, number>();
    this.#counts.set(connection, counts);
    const text = textOf(carrier, key);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }

  /** Whether a Close is the one that closes: so too where nothing was created. */
  isLast(carrier: Carrier, key: PrimitiveKey): boolean {
    const { connection } = carrier;
    const counts = connection && this.#counts.get(connection);
    return (counts?.get(textOf(carrier, key)) ?? 0) <= 1;
  }

  drop(carrier: Carrier, key: PrimitiveKey): void {
    const { connection } = carrier;
    const counts = connection && this.#counts.get(connection);
    const text = textOf(carrier, key);
    const count = counts?.get(text) ?? 0;
    if (count > 1) counts?.set(text, count - 1);
    else counts?.delete(text);
  }
}

function textOf({ nativeSession = "" }: Carrier, key: PrimitiveKey): string {
  return `${nativeSession} ${keyText(key)}`;
}
