// SPDX-License-Identifier: Apache-2.0
/** How the older protocols S0 to S4 are served (semantics A5): what a server's configuration says. */

import type { PrimitiveKind } from "@conclave/fsm";

export type DialectName = "s0" | "s1" | "s2" | "s3" | "s4";

export const DIALECTS: readonly DialectName[] = ["s0", "s1", "s2", "s3", "s4"];

/**
 * Of the whole cluster: nodes that are told different things about a namespace or a kind serve
 * different elections under one name.
 */
export interface DialectOptions extends Readonly<Record<DialectName, DialectPlace>> {
  /** The others are answered UNIMPLEMENTED, as if this server did not know them. */
  readonly served: readonly DialectName[];
  /**
   * How long candidacies outlive the last connection of their session, where the session is a
   * connection (S2, S3, S4). Default 10 s: longer than a client takes to dial again, shorter than
   * people take to wonder why nobody leads (semantics A2). At least 500 ms.
   */
  readonly graceMs: number;
  /** What S0's GetDatabases calls the one database that there is. Default `conclave`. */
  readonly database: string;
  /** Whether S3 tells its SDK to keep reads in a cache. Default false, as in the original. */
  readonly isCacheEnabled: boolean;
}

/** Where the primitives of a dialect live. */
interface DialectPlace {
  /** Of a caller that names none; always, where a dialect has no word for it (S3, S4). */
  readonly namespace: string;
  /** S4's latches share elections with the other dialects where this is `election`. */
  readonly kind: PrimitiveKind;
}

const ELECTION: DialectPlace = { namespace: "default", kind: "election" };

export const defaultDialectOptions: DialectOptions = {
  served: DIALECTS,
  graceMs: 10_000,
  database: "conclave",
  isCacheEnabled: false,
  s0: ELECTION,
  s1: ELECTION,
  s2: ELECTION,
  s3: ELECTION,
  s4: { namespace: "default", kind: "latch" },
};
