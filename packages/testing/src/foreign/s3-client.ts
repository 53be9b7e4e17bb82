// SPDX-License-Identifier: Apache-2.0
/** A client of S3, whose session is its connection; its list leaves the leader out. */

import type {
  Dialect,
  DialectClient,
  OpenOptions,
  Seen,
  SteerVerb,
  Watch,
} from "./dialect-client.ts";
import { GrpcChannel } from "./grpc-channel.ts";

interface S3Term {
  readonly term: string;
  readonly leader: string;
  readonly candidates: readonly string[];
}

interface S3Answer {
  readonly term: S3Term;
}

const ELECTIONS = "atomix.runtime.election.v1.LeaderElections";
const ELECTION = "atomix.runtime.election.v1.LeaderElection";

export const s3Dialect: Dialect = {
  name: "S3",
  isLeaderFirst: false,
  hasTermInEvents: true,
  open: (options) => Promise.resolve(openS3(options)),
};

const METHODS: Readonly<Record<SteerVerb, string>> = {
  withdraw: "Withdraw",
  anoint: "Anoint",
  promote: "Promote",
  demote: "Demote",
  evict: "Evict",
};

function openS3({ endpoint, primitive, candidate }: OpenOptions): DialectClient {
  const channel = new GrpcChannel(endpoint, "s3");
  const id = { name: primitive };
  const ask = async (method: string, request: object): Promise<Seen> => {
    const { term } = await channel.call<S3Answer>(`${ELECTION}/${method}`, { id, ...request });
    return seenOf(term);
  };
  return {
    async create() {
      await channel.call(`${ELECTIONS}/Create`, { id, tags: ["a-tag"] });
    },
    async close() {
      await channel.call(`${ELECTIONS}/Close`, { id });
    },
    delete: () => Promise.reject(new Error("S3 has no delete")),
    async watch(): Promise<Watch> {
      const stream = channel.stream<S3Answer>(`${ELECTION}/Watch`, { id });
      return { next: async () => seenOf((await stream.message()).term) };
    },
    get: () => ask("GetTerm", {}),
    enter: () => ask("Enter", { candidate }),
    steer: (verb, other) => ask(METHODS[verb], { candidate: other }),
    keepAlive: () => Promise.resolve(),
    async quit() {
      channel.close();
    },
  };
}

function seenOf({ term, leader, candidates }: S3Term): Seen {
  return { term: BigInt(term), leader, list: candidates };
}
