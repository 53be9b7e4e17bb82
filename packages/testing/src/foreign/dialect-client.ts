// SPDX-License-Identifier: Apache-2.0
/** What every dialect's client can do, so that one scenario plays in all of them. Types only. */

/** One candidate's view of one election: a session of its own, through one node. */
export interface DialectClient {
  /** Opens the primitive on this session, for the first time or again. */
  create(): Promise<void>;
  /** Leaves the primitive; the session stays. */
  close(): Promise<void>;
  /** Deletes the primitive for everybody, where the dialect can. */
  delete(): Promise<void>;
  watch(): Promise<Watch>;
  get(): Promise<Seen>;
  /** Enters this client's own candidate. */
  enter(): Promise<Seen>;
  steer(verb: SteerVerb, candidate: string): Promise<Seen>;
  /** One beat of the session, where the dialect has one: acknowledges what has arrived. */
  keepAlive(): Promise<void>;
  /** Ends the session and the connection. */
  quit(): Promise<void>;
}

export type SteerVerb = "withdraw" | "anoint" | "promote" | "demote" | "evict";

/** A whole state, as this dialect publishes it. */
export interface Seen {
  /** Undefined where the dialect's message has no word for it. */
  readonly term: bigint | undefined;
  /** Empty: nobody. */
  readonly leader: string;
  /** With or without the leader, as the dialect has it. */
  readonly list: readonly string[];
}

export interface Watch {
  /** The next change that the unmodified client would tell its user. */
  next(): Promise<Seen>;
}

export interface Dialect {
  readonly name: string;
  /** Whether its list begins with the leader; else the leader stands apart. */
  readonly isLeaderFirst: boolean;
  /** Whether the messages of its watch carry the term. */
  readonly hasTermInEvents: boolean;
  /** Connects, and opens a session where the dialect has one. */
  open(options: OpenOptions): Promise<DialectClient>;
}

export interface OpenOptions {
  /** Of a node, `http://HOST:PORT`; or of several, of which it stays with the first that it reaches. */
  readonly endpoint: string | readonly string[];
  /** Of the election or latch. */
  readonly primitive: string;
  /** What this client calls itself. */
  readonly candidate: string;
}
