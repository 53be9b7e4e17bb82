// SPDX-License-Identifier: Apache-2.0
/**
 * A client of S1 that does what the original's driver does unmodified: a session on every partition,
 * one count of numbers for all its calls, Create and Close sent to every partition, and KeepAlive with
 * a Bloom filter over the numbers that are open.
 */

import { bloomFilter } from "./bloom-filter.ts";
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

interface S1Term {
  readonly leader: string;
  readonly candidates: readonly string[];
  readonly index: string;
}

interface S1Operation {
  readonly session: { readonly session: { readonly partition: { readonly index: string } } };
  readonly status: string;
  readonly message: string;
}

interface S1CommandHeaders {
  readonly operation: S1Operation;
  readonly output_sequence_num: string;
}

export interface S1Answer<Output = { readonly term: S1Term }> {
  readonly headers: S1CommandHeaders;
  readonly output: Output;
}

export const S1_ELECTION = "atomix.multiraft.election.v1.LeaderElection";
export const S1_PARTITION = "atomix.multiraft.v1.Partition";
export const S1_SESSION = "atomix.multiraft.v1.Session";
export const S1_SERVICE = "atomix.runtime.election.v1.LeaderElection";

const METHODS: Readonly<Record<SteerVerb, string>> = {
  withdraw: "Withdraw",
  anoint: "Anoint",
  promote: "Promote",
  demote: "Demote",
  evict: "Evict",
};

/** The driver takes partitions from its configuration. */
export function s1Dialect(partitionCount: number): Dialect {
  const partitions = Array.from({ length: partitionCount }, (_, i) => i + 1);
  return {
    name: "S1",
    isLeaderFirst: false,
    hasTermInEvents: true,
    async open({ endpoint, primitive, candidate }: OpenOptions): Promise<DialectClient> {
      const channel = new GrpcChannel(endpoint, "s1");
      const sessions = partitions.map((partition) => new S1Session(channel, partition));
      for (const session of sessions) await session.open();
      const home = homeAmong(partitions, primitive);
      return clientOf(channel, sessions, sessions[home - 1]!, primitive, candidate);
    },
  };
}

function clientOf(
  channel: GrpcChannel,
  sessions: readonly S1Session[],
  home: S1Session,
  primitive: string,
  candidate: string,
): DialectClient {
  const ids = new Map<S1Session, bigint>();
  const command = async (method: string, name: string): Promise<Seen> => {
    const input = { candidate: name };
    const answer = await home.command<S1Answer>(`${S1_ELECTION}/${method}`, ids.get(home)!, input);
    if (answer.headers.output_sequence_num !== "1") throw new Error(`S1 ${method}: no output 1`);
    return seenOf(answer.output.term);
  };
  return {
    async create() {
      for (const session of sessions) ids.set(session, await session.create(primitive));
    },
    async close() {
      for (const session of sessions) await session.closePrimitive(ids.get(session)!);
    },
    delete: () => Promise.reject(new Error("S1 has no delete")),
    watch: () => home.watch(ids.get(home)!),
    get: () => home.get(ids.get(home)!),
    enter: () => command("Enter", candidate),
    steer: (verb, other) => command(METHODS[verb], other),
    async keepAlive() {
      for (const session of sessions) await session.keepAlive();
    },
    async quit() {
      for (const session of sessions) await session.close();
      channel.close();
    },
  };
}

const TIMEOUT_S = 20;

class S1Session {
  readonly #channel: GrpcChannel;
  readonly #partition: { readonly partition_id: number };
  readonly #open: Set<bigint> = new Set();
  #id = 0n;
  #number = 0n;
  #index = 0n;

  constructor(channel: GrpcChannel, partition: number) {
    this.#channel = channel;
    this.#partition = { partition_id: partition };
  }

  async open(): Promise<void> {
    const { output } = await this.#channel.call<{ output: { session_id: string } }>(
      `${S1_PARTITION}/OpenSession`,
      { headers: this.#partition, input: { timeout: { seconds: `${TIMEOUT_S}`, nanos: 0 } } },
    );
    this.#id = BigInt(output.session_id);
    if (this.#id === 0n) throw new Error("an S1 session of number 0");
  }

  async keepAlive(): Promise<void> {
    await this.#channel.call(`${S1_PARTITION}/KeepAlive`, {
      headers: this.#partition,
      input: {
        session_id: `${this.#id}`,
        input_filter: Buffer.from(bloomFilter([...this.#open])),
        // Calls are begun in order here, so that all numbers up to the last one have been.
        last_input_sequence_num: `${this.#number}`,
        // Of commands that are streams, which elections have none of.
        last_output_sequence_nums: {},
      },
    });
  }

  async close(): Promise<void> {
    const input = { session_id: `${this.#id}` };
    await this.#channel.call(`${S1_PARTITION}/CloseSession`, { headers: this.#partition, input });
  }

  async create(name: string): Promise<bigint> {
    const spec = { service: S1_SERVICE, namespace: "default", name };
    const answer = await this.command<S1Answer<{ readonly primitive_id: string }>>(
      `${S1_SESSION}/CreatePrimitive`,
      0n,
      { spec },
    );
    throwUnlessNoOutput(answer.headers, "CreatePrimitive");
    return BigInt(answer.output.primitive_id);
  }

  async closePrimitive(id: bigint): Promise<void> {
    const input = { primitive_id: `${id}` };
    const answer = await this.command<S1Answer<object>>(`${S1_SESSION}/ClosePrimitive`, id, input);
    throwUnlessNoOutput(answer.headers, "ClosePrimitive");
  }

  async command<T extends S1Answer<object>>(
    method: string,
    primitive: bigint,
    input: object,
  ): Promise<T> {
    const number = this.#begin();
    const headers = { operation: this.#operation(primitive), sequence_num: `${number}` };
    const answer = await this.#channel.call<T>(method, { headers, input });
    this.#open.delete(number);
    const { operation } = answer.headers;
    throwUnlessOk(operation, method);
    const index = indexOf(operation);
    if (index <= this.#index) throw new Error(`S1 ${method}: index ${index} after ${this.#index}`);
    this.#index = index;
    return answer;
  }

  async get(primitive: bigint): Promise<Seen> {
    const number = this.#begin();
    const answer = await this.#channel.call<S1Answer>(`${S1_ELECTION}/GetTerm`, {
      headers: this.#query(primitive, number),
      input: {},
    });
    this.#open.delete(number);
    throwUnlessOk(answer.headers.operation, "GetTerm");
    return seenOf(answer.output.term);
  }

  async watch(primitive: bigint): Promise<Watch> {
    const number = this.#begin();
    const request = { headers: this.#query(primitive, number), input: {} };
    // The driver asks again on UNAVAILABLE, with the very same headers.
    const reopen = () => this.#channel.stream<S1Answer>(`${S1_ELECTION}/Watch`, request);
    let messages = reopen();
    // Nothing comes first, by which it could be known that the watch is there: a later read is answered
    // by the same node, behind it.
    await this.get(primitive);
    return {
      next: async () => {
        for (;;) {
          const message = await messages.next();
          if (!isEnd(message)) {
            throwUnlessOk(message.headers.operation, "Watch");
            return seenOf(message.output.term);
          }
          await untilReopened(message);
          messages = reopen();
        }
      },
    };
  }

  #begin(): bigint {
    this.#number += 1n;
    this.#open.add(this.#number);
    return this.#number;
  }

  #operation(primitive: bigint): object {
    const session = { partition: this.#partition, session_id: `${this.#id}` };
    return { session: { session, primitive_id: `${primitive}` } };
  }

  #query(primitive: bigint, number: bigint): object {
    const operation = this.#operation(primitive);
    return { operation, sequence_num: `${number}`, max_received_index: `${this.#index}` };
  }
}

function indexOf({ session }: S1Operation): bigint {
  return BigInt(session.session.partition.index);
}

function throwUnlessOk({ status, message }: S1Operation, method: string): void {
  if (status !== "OK") throw new Error(`S1 ${method}: ${status}: ${message}`);
}

function throwUnlessNoOutput({ output_sequence_num }: S1CommandHeaders, method: string): void {
  if (output_sequence_num !== "0") throw new Error(`S1 ${method}: output ${output_sequence_num}`);
}

function seenOf({ index, leader, candidates }: S1Term): Seen {
  return { term: BigInt(index), leader, list: candidates };
}
