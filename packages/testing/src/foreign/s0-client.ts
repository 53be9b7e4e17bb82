// SPDX-License-Identifier: Apache-2.0
/**
 * A client of S0 that does what the original does unmodified: finds its partition by the controller,
 * numbers its commands, takes notice only of answers with a higher index, accepts of a stream only the
 * message after the last one, and acknowledges all of it with KeepAlive.
 */

import type {
  Dialect,
  DialectClient,
  OpenOptions,
  Seen,
  SteerVerb,
  Watch,
} from "./dialect-client.ts";
import { homeAmong } from "./fnv-home.ts";
import { GrpcChannel } from "./grpc-channel.ts";
import { isEnd, untilReopened } from "./message-stream.ts";

interface S0Header {
  readonly session_id: string;
  readonly stream_id: string;
  readonly response_id: string;
  readonly index: string;
  readonly leader: string;
  readonly status: "OK" | "ERROR" | "NOT_LEADER";
  readonly type: "RESPONSE" | "OPEN_STREAM" | "CLOSE_STREAM";
}

interface S0Term {
  readonly id: string;
  readonly timestamp: { readonly seconds: string } | null;
  readonly leader: string;
  readonly candidates: readonly string[];
}

export interface S0Answer {
  readonly header: S0Header;
  readonly term: S0Term | null;
}

interface S0Database {
  readonly id: { readonly name: string; readonly namespace: string };
  readonly partitions: readonly {
    readonly partition_id: number;
    readonly endpoints: readonly { readonly host: string; readonly port: number }[];
  }[];
}

interface OpenStream {
  readonly id: bigint;
  /** The number of the last message that was accepted. */
  last: bigint;
  isOpen: boolean;
}

export const S0_ELECTION = "atomix.election.LeaderElectionService";
export const S0_SESSION = "atomix.session.SessionService";

export const s0Dialect: Dialect = {
  name: "S0",
  isLeaderFirst: true,
  hasTermInEvents: true,
  open: (options) => S0Client.open(options),
};

const METHODS: Readonly<Record<Exclude<SteerVerb, "demote">, string>> = {
  withdraw: "Withdraw",
  anoint: "Anoint",
  promote: "Promote",
  evict: "Evict",
};

/** What the original's `Database` asks for is a minute; tests die sooner. */
const TIMEOUT_S = 20;

class S0Client implements DialectClient {
  readonly #channel: GrpcChannel;
  readonly #candidate: string;
  readonly #name: { readonly name: string; readonly namespace: string };
  readonly #partition: number;
  readonly #streams: Map<bigint, OpenStream> = new Map();
  #session = 0n;
  /** Numbers of commands, counted from 1. */
  #requestId = 0n;
  /** The highest request that was answered. */
  #responseId = 0n;
  /** The highest index that was seen. */
  #index = 0n;

  static async open({ endpoint, primitive, candidate }: OpenOptions): Promise<S0Client> {
    const channel = new GrpcChannel(endpoint, "s0");
    const database = await theDatabase(channel);
    const ids = database.partitions.map((partition) => partition.partition_id);
    const home = homeAmong(
      [...ids].sort((one, other) => one - other),
      primitive,
    );
    const name = { name: primitive, namespace: database.id.namespace };
    const client = new S0Client(channel, candidate, name, home);
    await client.#openSession();
    return client;
  }

  private constructor(
    channel: GrpcChannel,
    candidate: string,
    name: { readonly name: string; readonly namespace: string },
    partition: number,
  ) {
    this.#channel = channel;
    this.#candidate = candidate;
    this.#name = name;
    this.#partition = partition;
  }

  async create(): Promise<void> {
    await this.#command("Create", {});
  }

  async close(): Promise<void> {
    await this.#command("Close", { delete: false });
  }

  async delete(): Promise<void> {
    await this.#command("Close", { delete: true });
  }

  async enter(): Promise<Seen> {
    return seenOf(await this.#command("Enter", { candidate_id: this.#candidate }));
  }

  async steer(verb: SteerVerb, candidate: string): Promise<Seen> {
    if (verb === "demote") throw new Error("S0 has no demote");
    return seenOf(await this.#command(METHODS[verb], { candidate_id: candidate }));
  }

  async get(): Promise<Seen> {
    const request_id = `${this.#requestId}`;
    const header = { ...this.#header(), name: this.#name, request_id, index: `${this.#index}` };
    const answer = await this.#ask<S0Answer>(`${S0_ELECTION}/GetTerm`, { header });
    this.#record(answer.header, undefined);
    return seenOf(answer);
  }

  async watch(): Promise<Watch> {
    this.#requestId += 1n;
    const id = this.#requestId;
    const header = { ...this.#header(), name: this.#name, request_id: `${id}` };
    const stream: OpenStream = { id, last: 0n, isOpen: true };
    this.#streams.set(id, stream);
    // The same request again continues a stream that broke: what was accepted comes as an old number.
    const reopen = () => this.#channel.stream<S0Answer>(`${S0_ELECTION}/Events`, { header });
    let messages = reopen();
    const accepted = async (): Promise<S0Answer> => {
      for (;;) {
        const message = await messages.next();
        if (isEnd(message)) {
          await untilReopened(message);
          messages = reopen();
          continue;
        }
        throwUnlessOk(message.header, "Events");
        if (BigInt(message.header.stream_id) !== id) throw new Error("another stream's message");
        if (BigInt(message.header.response_id) !== stream.last + 1n) continue;
        stream.last += 1n;
        return message;
      }
    };
    const first = await accepted();
    if (first.header.type !== "OPEN_STREAM") throw new Error("an S0 stream opens with OPEN_STREAM");
    return {
      async next() {
        const message = await accepted();
        if (message.header.type === "CLOSE_STREAM") stream.isOpen = false;
        return seenOf(message);
      },
    };
  }

  async keepAlive(): Promise<void> {
    const streams = [...this.#streams.values()]
      .filter(({ id, isOpen }) => isOpen && id <= this.#responseId)
      .map(({ id, last }) => ({ stream_id: `${id}`, response_id: `${last}` }));
    const header = {
      ...this.#header(),
      request_id: `${this.#responseId}`,
      index: `${this.#index}`,
      streams,
    };
    await this.#ask(`${S0_SESSION}/KeepAlive`, { header });
  }

  async quit(): Promise<void> {
    await this.#ask(`${S0_SESSION}/CloseSession`, { header: this.#header() });
    this.#channel.close();
  }

  async #openSession(): Promise<void> {
    const header = { partition: this.#partition };
    const timeout = { seconds: `${TIMEOUT_S}`, nanos: 0 };
    const answer = await this.#ask(`${S0_SESSION}/OpenSession`, { header, timeout });
    this.#session = BigInt(answer.header.session_id);
    this.#index = BigInt(answer.header.index);
    if (this.#session === 0n || this.#index === 0n)
      throw new Error("a session of number or index 0");
  }

  async #command(method: string, request: object): Promise<S0Answer> {
    this.#requestId += 1n;
    const id = this.#requestId;
    const header = { ...this.#header(), name: this.#name, request_id: `${id}` };
    const answer = await this.#ask<S0Answer>(`${S0_ELECTION}/${method}`, { header, ...request });
    this.#record(answer.header, id);
    return answer;
  }

  /** @throws where the original's client would go on without having heard the answer */
  #record({ index, session_id }: S0Header, requestId: bigint | undefined): void {
    if (BigInt(session_id) > this.#session) throw new Error(`an answer of session ${session_id}`);
    const isHigher = BigInt(index) > this.#index;
    if (requestId !== undefined && !isHigher) {
      throw new Error(`request ${requestId}: index ${index} after ${this.#index}`);
    }
    if (isHigher) this.#index = BigInt(index);
    if (requestId !== undefined && requestId > this.#responseId) this.#responseId = requestId;
  }

  #header(): { readonly partition: number; readonly session_id: string } {
    return { partition: this.#partition, session_id: `${this.#session}` };
  }

  async #ask<T extends { readonly header: S0Header }>(method: string, request: object): Promise<T> {
    const answer = await this.#channel.call<T>(method, request);
    throwUnlessOk(answer.header, method);
    return answer;
  }
}

export async function theDatabase(channel: GrpcChannel): Promise<S0Database> {
  const method = "atomix.controller.ControllerService/GetDatabases";
  const request = { id: { name: "", namespace: "" } };
  const { databases } = await channel.call<{ databases: readonly S0Database[] }>(method, request);
  if (databases.length !== 1) throw new Error(`${databases.length} databases`);
  return databases[0]!;
}

function throwUnlessOk({ status }: S0Header, method: string): void {
  // The original dials a leader again and again; a node that forwards never names one.
  if (status !== "OK") throw new Error(`S0 ${method}: ${status}`);
}

/** @throws where the original's client would crash: an event without a term */
function seenOf({ term }: S0Answer): Seen {
  if (term === null) throw new Error("an S0 answer without a term");
  if (term.leader !== "" && term.timestamp === null) throw new Error("a leader since no time");
  return { term: BigInt(term.id), leader: term.leader, list: term.candidates };
}
