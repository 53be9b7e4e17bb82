// SPDX-License-Identifier: Apache-2.0
/** S3 within one process: applications that open one election, a connection each. */

import { LeaderElection, LeaderElections, type Term, type WatchResponse } from "@conclave/api/s3";
import type { Client } from "@connectrpc/connect";
import { settled } from "../replica/memory-node.ts";
import { MemoryConnection } from "./memory-connection.ts";
import { type DialectServer, StreamTail } from "./memory-dialects.ts";

export type S3Verb = "enter" | "withdraw" | "anoint" | "promote" | "demote" | "evict";

/** An application with a connection of its own, which opens the election `test`. */
export class S3Application {
  readonly connection: MemoryConnection;
  readonly data: Client<typeof LeaderElection>;
  readonly elections: Client<typeof LeaderElections>;
  readonly id: { readonly name: string };

  constructor(
    server: DialectServer,
    connection: MemoryConnection = new MemoryConnection(),
    { name = "test", metadata = {} }: { name?: string; metadata?: Record<string, string> } = {},
  ) {
    this.connection = connection;
    this.data = server.client(LeaderElection, connection, metadata);
    this.elections = server.client(LeaderElections, connection, metadata);
    this.id = { name };
  }

  create(): Promise<unknown> {
    return this.elections.create({ id: this.id, tags: ["any", "store"] });
  }

  close(): Promise<unknown> {
    return this.elections.close({ id: this.id });
  }

  async ask(verb: S3Verb, candidate: string): Promise<string> {
    return show((await this.data[verb]({ id: this.id, candidate })).term);
  }

  async term(): Promise<string> {
    return show((await this.data.getTerm({ id: this.id })).term);
  }

  async watch(): Promise<StreamTail<WatchResponse>> {
    const tail = new StreamTail((signal) => this.data.watch({ id: this.id }, { signal }));
    await settled();
    return tail;
  }
}

/** `"1 a [b c]"`: the term, the leader, and those who wait. */
function show(term: Term | undefined): string {
  if (term === undefined) return "no term";
  return `${term.term} ${term.leader === "" ? "-" : term.leader} [${term.candidates.join(" ")}]`;
}

export async function shown(tail: StreamTail<WatchResponse>): Promise<readonly string[]> {
  await settled();
  return tail.messages.map(({ term }) => show(term));
}
