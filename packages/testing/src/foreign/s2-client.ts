// SPDX-License-Identifier: Apache-2.0
/**
 * A client of S2: who it is stands in its metadata, and its terms have no number, which an answer's
 * metadata brings instead. It waits for a first message of its watch, and reads every timestamp.
 */

import type {
  Dialect,
  DialectClient,
  OpenOptions,
  Seen,
  SteerVerb,
  Watch,
} from "./dialect-client.ts";
import { GrpcChannel } from "./grpc-channel.ts";

interface S2Term {
  readonly leader_id: string;
  readonly candidates: readonly string[];
  readonly timestamp: S2Timestamp | null;
}

interface S2Timestamp {
  readonly physical_timestamp: { readonly time: { readonly seconds: string } } | null;
}

interface S2Answer {
  readonly term: S2Term;
}

interface S2Event {
  readonly event: { readonly type: "NONE" | "CHANGED"; readonly term: S2Term };
}

const ELECTION = "atomix.election.v1.LeaderElection";

export const s2Dialect: Dialect = {
  name: "S2",
  isLeaderFirst: true,
  hasTermInEvents: false,
  open: (options) => Promise.resolve(openS2(options)),
};

const METHODS: Readonly<Record<Exclude<SteerVerb, "demote">, string>> = {
  withdraw: "Withdraw",
  anoint: "Anoint",
  promote: "Promote",
  evict: "Evict",
};

let opened = 0;

function openS2({ endpoint, primitive, candidate }: OpenOptions): DialectClient {
  const channel = new GrpcChannel(endpoint, "s2");
  opened += 1;
  const headers = {
    "application-id": "default",
    "primitive-id": primitive,
    // The original draws a UUID; what matters is that nobody else has it.
    "session-id": `session ${process.pid} ${opened}`,
  };
  const ask = async (method: string, request: object): Promise<Seen> => {
    const { message, headers: answered } = await channel.ask<S2Answer>(
      `${ELECTION}/${method}`,
      request,
      headers,
    );
    const [number] = answered.get("conclave-term");
    if (number === undefined) throw new Error(`S2 ${method}: no conclave-term in the answer`);
    return { ...seenOf(message.term), term: BigInt(String(number)) };
  };
  return {
    async create() {
      await channel.call(`${ELECTION}/Create`, { config: {} }, headers);
    },
    async close() {
      await channel.call(`${ELECTION}/Close`, {}, headers);
    },
    delete: () => Promise.reject(new Error("S2 has no delete")),
    async watch(): Promise<Watch> {
      const stream = channel.stream<S2Event>(`${ELECTION}/Events`, {}, headers);
      const first = (await stream.message()).event;
      seenOf(first.term);
      if (first.type !== "NONE") throw new Error(`S2 Events begin with ${first.type}`);
      return {
        async next() {
          const { type, term } = (await stream.message()).event;
          if (type !== "CHANGED") throw new Error(`an S2 event of type ${type}`);
          return seenOf(term);
        },
      };
    },
    get: () => ask("GetTerm", {}),
    enter: () => ask("Enter", { candidate_id: candidate }),
    steer(verb, other) {
      if (verb === "demote") throw new Error("S2 has no demote");
      return ask(METHODS[verb], { candidate_id: other });
    },
    keepAlive: () => Promise.resolve(),
    async quit() {
      channel.close();
    },
  };
}

/** @throws where the original's client would crash: a term without a time that it can read */
function seenOf({ leader_id: leader, candidates, timestamp }: S2Term): Seen {
  const seconds = timestamp?.physical_timestamp?.time?.seconds;
  if (seconds === undefined) throw new Error("an S2 term without a physical timestamp");
  if (leader !== "" && seconds === "0") throw new Error(`${leader} leads since 1970`);
  return { term: undefined, leader, list: candidates };
}
