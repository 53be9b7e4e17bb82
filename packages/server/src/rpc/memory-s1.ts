// SPDX-License-Identifier: Apache-2.0
/**
 * Clients of S1 within one process: one session each, which numbers its calls and sends what it has
 * open as the original's driver does. A client may go on at another node.
 */

import {
  type CommandResponseHeaders,
  LeaderElection,
  type OperationResponseHeaders,
  Partition,
  Session,
  OperationResponseHeaders_Status as Status,
  type Term,
} from "@conclave/api/s1";
import type { Clock } from "@conclave/base";
import {
  type CallOptions,
  type Client,
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
} from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";
import { settled } from "../replica/memory-node.ts";
import { defaultDialectOptions } from "./dialect-options.ts";
import { createDialectServices } from "./dialects.ts";
import { registerS1 } from "./s1.ts";
import { NumberHashes } from "./s1-hash.ts";

/** A node as clients of S1 see it. */
export interface S1Door {
  readonly elections: Client<typeof LeaderElection>;
  readonly primitives: Client<typeof Session>;
  readonly sessions: Client<typeof Partition>;
}

export function openS1(place: { readonly node: ElectionNode; readonly clock: Clock }): S1Door {
  const { node, clock } = place;
  const dialects = defaultDialectOptions;
  const services = createDialectServices({ node, clock, dialects, drawSessionId: () => 1n });
  const transport = createRouterTransport((router) => registerS1(router, services));
  return {
    elections: createClient(LeaderElection, transport),
    primitives: createClient(Session, transport),
    sessions: createClient(Partition, transport),
  };
}

const SERVICE = "atomix.runtime.election.v1.LeaderElection";

export type S1Verb = "enter" | "withdraw" | "anoint" | "promote" | "demote" | "evict";

export interface S1Options {
  /** A number of before instead of the next. */
  readonly number?: number;
  readonly primitiveId?: bigint;
}

export class S1Client {
  door: S1Door;
  readonly partitionId: number;
  readonly sessionId: bigint;
  /** The last number that it gave to a call. */
  number = 0;
  /** The highest that any answer told. */
  index: bigint;
  /** Of the last creation. */
  primitiveId = 0n;
  /** The number of the last output. */
  output = 0n;

  /** @param sessionId of whomever: `open` has one that is its own. */
  constructor(door: S1Door, partitionId: number, sessionId: bigint, index: bigint = sessionId) {
    this.door = door;
    this.partitionId = partitionId;
    this.sessionId = sessionId;
    this.index = index;
  }

  /** A session of its own on the partition. */
  static async open(door: S1Door, partitionId = 1, timeoutS?: number): Promise<S1Client> {
    const timeout = timeoutS === undefined ? undefined : { seconds: BigInt(timeoutS) };
    const { headers, output } = await door.sessions.openSession({
      headers: { partitionId },
      input: timeout === undefined ? {} : { timeout },
    });
    return new S1Client(door, partitionId, output!.sessionId, headers!.index);
  }

  /** Answers what `show` makes of it. */
  async create(name = "e", more: S1Options & { service?: string } = {}): Promise<string> {
    const { service = SERVICE } = more;
    return await this.#shown(async () => {
      const { headers, output } = await this.door.primitives.createPrimitive({
        headers: this.numbered({ primitiveId: 0n, ...more }),
        input: { spec: { service, namespace: "default", name } },
      });
      if (output !== undefined) this.primitiveId = output.primitiveId;
      return this.#show(headers, undefined);
    });
  }

  async close(more: S1Options = {}): Promise<string> {
    const { primitiveId = this.primitiveId } = more;
    return await this.#shown(async () => {
      const { headers } = await this.door.primitives.closePrimitive({
        headers: this.numbered(more),
        input: { primitiveId },
      });
      return this.#show(headers, undefined);
    });
  }

  /** Under the next number, unless another one is said: `1 a [b c]`, or what was wrong. */
  async ask(
    verb: S1Verb,
    candidate: string,
    more: S1Options = {},
    options?: CallOptions,
  ): Promise<string> {
    const headers = this.numbered(more);
    return await this.#shown(async () => {
      const answer = await this.door.elections[verb]({ headers, input: { candidate } }, options);
      return this.#show(answer.headers, answer.output?.term);
    });
  }

  async getTerm(maxReceivedIndex: bigint = this.index, options?: CallOptions): Promise<string> {
    const headers = this.#queried(maxReceivedIndex);
    return await this.#shown(async () => {
      const answer = await this.door.elections.getTerm({ headers }, options);
      return this.#showOperation(answer.headers?.operation, answer.output?.term);
    });
  }

  async watch(primitiveId: bigint = this.primitiveId): Promise<S1Watch> {
    const watch = new S1Watch(this.door, this.#queried(this.index, primitiveId));
    await settled();
    return watch;
  }

  /** @param open the numbers that the filter holds, or the filter itself. */
  async keepAlive(lastInput: number, open: readonly number[] | string = []): Promise<string> {
    const { partitionId, sessionId } = this;
    const json = typeof open === "string" ? open : writeFilter(open);
    const answer = await this.#shown(async () => {
      const { headers } = await this.door.sessions.keepAlive({
        headers: { partitionId },
        input: {
          sessionId,
          lastInputSequenceNum: BigInt(lastInput),
          inputFilter: new TextEncoder().encode(json),
        },
      });
      return `index ${headers!.index > 0n}`;
    });
    await settled();
    return answer;
  }

  async closeSession(): Promise<string> {
    const { partitionId, sessionId } = this;
    return await this.#shown(async () => {
      await this.door.sessions.closeSession({ headers: { partitionId }, input: { sessionId } });
      return "closed";
    });
  }

  #primitive(primitiveId: bigint): object {
    const { partitionId, sessionId } = this;
    return { session: { session: { partition: { partitionId }, sessionId }, primitiveId } };
  }

  /** The headers of a command, under the next number unless another one is said. */
  numbered({ number, primitiveId = this.primitiveId }: S1Options): object {
    if (number === undefined) this.number++;
    const sequenceNum = BigInt(number ?? this.number);
    return { operation: this.#primitive(primitiveId), sequenceNum };
  }

  /** Queries take their number from the same count. */
  #queried(maxReceivedIndex: bigint, primitiveId: bigint = this.primitiveId): object {
    const sequenceNum = BigInt(++this.number);
    return { operation: this.#primitive(primitiveId), sequenceNum, maxReceivedIndex };
  }

  #show(headers: CommandResponseHeaders | undefined, term: Term | undefined): string {
    this.output = headers?.outputSequenceNum ?? 0n;
    return this.#showOperation(headers?.operation, term);
  }

  #showOperation(headers: OperationResponseHeaders | undefined, term: Term | undefined): string {
    const index = headers?.session?.session?.partition?.index ?? 0n;
    if (index > this.index) this.index = index;
    const { status = Status.UNKNOWN, message = "" } = headers ?? {};
    if (status !== Status.OK) return `in band ${Status[status]}: ${message}`;
    return term === undefined ? "OK" : showTerm(term);
  }

  async #shown(call: () => Promise<string>): Promise<string> {
    try {
      return await call();
    } catch (thrown) {
      return describe(thrown);
    }
  }
}

/** A stream of states, each as `1 a [b c]`. */
export class S1Watch {
  readonly seen: string[] = [];
  /** How it ended; undefined while it is open. */
  end: string | undefined;
  readonly #abort = new AbortController();

  constructor(door: S1Door, headers: object) {
    void this.#read(door, headers);
  }

  async cancel(): Promise<void> {
    this.#abort.abort();
    await settled();
  }

  async #read(door: S1Door, headers: object): Promise<void> {
    try {
      const { signal } = this.#abort;
      for await (const { headers: head, output } of door.elections.watch({ headers }, { signal })) {
        const { status = Status.UNKNOWN, message = "" } = head?.operation ?? {};
        if (status !== Status.OK) this.seen.push(`in band ${Status[status]}: ${message}`);
        else this.seen.push(showTerm(output!.term!));
      }
      this.end = "closed";
    } catch (thrown) {
      this.end = describe(thrown);
    }
  }
}

/** As the original's library writes it, but for the `k` of an empty one, which is beyond a number. */
export function writeFilter(open: readonly number[]): string {
  if (open.length === 0) return '{"m":1,"k":9223372036854775808,"b":"AAAAAAAAAAA="}';
  const m = Math.ceil((-open.length * Math.log(0.05)) / Math.LN2 ** 2);
  const k = Math.ceil((m / open.length) * Math.LN2);
  const words = new BigUint64Array(Math.ceil(m / 64));
  const hashes = new NumberHashes();
  for (const number of open) {
    hashes.begin(number);
    for (let i = 0; i < k; i++) {
      const bit = hashes.placeIn(m, i);
      words[bit >>> 6] = (words[bit >>> 6] ?? 0n) | (1n << BigInt(bit & 63));
    }
  }
  const bytes = new Uint8Array(8 + words.length * 8);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(m));
  for (const [at, word] of words.entries()) view.setBigUint64(8 + at * 8, word);
  const base64 = btoa(String.fromCharCode(...bytes));
  return `{"m":${m},"k":${k},"b":"${base64.replaceAll("+", "-").replaceAll("/", "_")}"}`;
}

function showTerm({ index, leader, candidates }: Term): string {
  return `${index} ${leader || "-"} [${candidates.join(" ")}]`;
}

function describe(thrown: unknown): string {
  const { code, rawMessage } = ConnectError.from(thrown);
  return `${Code[code]}: ${rawMessage}`;
}
