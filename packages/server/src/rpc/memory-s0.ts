// SPDX-License-Identifier: Apache-2.0
/**
 * Clients of S0 within one process: one session each, whose numbers they count as the original does,
 * and whose answers can be shown in a line. A client may go on at another node.
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ControllerService,
  type EventResponse,
  LeaderElectionService,
  MetadataService,
  type RequestHeaderSchema,
  type ResponseHeader,
  ResponseStatus,
  ResponseType,
  SessionService,
  type Term,
} from "@conclave/api/s0";
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
import { type DialectOptions, defaultDialectOptions } from "./dialect-options.ts";
import { createDialectServices } from "./dialects.ts";
import { registerS0 } from "./s0.ts";

/** A node as clients of S0 see it. */
export interface S0Door {
  readonly elections: Client<typeof LeaderElectionService>;
  readonly sessions: Client<typeof SessionService>;
  readonly controller: Client<typeof ControllerService>;
  readonly metadata: Client<typeof MetadataService>;
}

export function openS0(
  { node, clock }: { readonly node: ElectionNode; readonly clock: Clock },
  options: Partial<DialectOptions> = {},
): S0Door {
  const dialects = { ...defaultDialectOptions, ...options };
  const services = createDialectServices({ node, clock, dialects, drawSessionId: () => 1n });
  const transport = createRouterTransport((router) => registerS0(router, services));
  return {
    elections: createClient(LeaderElectionService, transport),
    sessions: createClient(SessionService, transport),
    controller: createClient(ControllerService, transport),
    metadata: createClient(MetadataService, transport),
  };
}

export type S0Verb = "enter" | "withdraw" | "anoint" | "promote" | "evict";
export type S0Header = Exclude<MessageInitShape<typeof RequestHeaderSchema>, { $typeName: string }>;

export interface S0Answer {
  /** Absent where the call ended with a gRPC status. */
  readonly header?: ResponseHeader | undefined;
  readonly term?: Term | undefined;
  /** What the call came to, in a line. */
  readonly shown: string;
}

export class S0Client {
  door: S0Door;
  readonly partition: number;
  readonly name: string;
  readonly sessionId: bigint;
  /** The last number that it gave to a call. */
  number = 0n;

  constructor(door: S0Door, partition: number, name: string, sessionId: bigint) {
    this.door = door;
    this.partition = partition;
    this.name = name;
    this.sessionId = sessionId;
  }

  /** A session of its own on the partition. */
  static async open(door: S0Door, partition: number, name = "e", timeoutS = 30): Promise<S0Client> {
    const { header } = await door.sessions.openSession({
      header: { partition },
      timeout: { seconds: BigInt(timeoutS) },
    });
    return new S0Client(door, partition, name, header!.sessionId);
  }

  header(more: S0Header = {}): S0Header {
    const { partition, sessionId } = this;
    return { name: { name: this.name, namespace: "ns" }, partition, sessionId, ...more };
  }

  /** Under the next number, unless the header says another one. */
  ask(
    verb: S0Verb,
    candidateId: string,
    more?: S0Header,
    options?: CallOptions,
  ): Promise<S0Answer> {
    const header = this.#next(more);
    return answerOf(() => this.door.elections[verb]({ header, candidateId }, options));
  }

  create(more?: S0Header): Promise<S0Answer> {
    const header = this.#next(more);
    return answerOf(() => this.door.elections.create({ header }));
  }

  close(more?: S0Header): Promise<S0Answer> {
    const header = this.#next(more);
    return answerOf(() => this.door.elections.close({ header }));
  }

  delete(more?: S0Header): Promise<S0Answer> {
    const header = this.#next(more);
    return answerOf(() => this.door.elections.close({ header, delete: true }));
  }

  getTerm(more: S0Header = {}, options?: CallOptions): Promise<S0Answer> {
    const header = this.header({ requestId: this.number, ...more });
    return answerOf(() => this.door.elections.getTerm({ header }, options));
  }

  keepAlive(more: S0Header = {}): Promise<S0Answer> {
    const { partition, sessionId } = this;
    const header = { partition, sessionId, ...more };
    return answerOf(() => this.door.sessions.keepAlive({ header }));
  }

  closeSession(): Promise<S0Answer> {
    const { partition, sessionId } = this;
    return answerOf(() => this.door.sessions.closeSession({ header: { partition, sessionId } }));
  }

  async watch(more?: S0Header): Promise<S0Watch> {
    const header = this.#next(more);
    const watch = new S0Watch(this.door, header);
    await settled();
    return watch;
  }

  #next(more: S0Header = {}): S0Header {
    if (more.requestId === undefined) this.number++;
    return this.header({ requestId: this.number, ...more });
  }
}

/** An event stream that is read as it comes. */
export class S0Watch {
  readonly messages: EventResponse[] = [];
  /** How it ended; undefined while it is open. */
  end: "closed" | ConnectError | undefined;
  readonly #abort = new AbortController();

  constructor({ elections }: S0Door, header: S0Header) {
    void this.#read(elections.events({ header }, { signal: this.#abort.signal }));
  }

  /** All that came, in a line each. */
  get shown(): string[] {
    return this.messages.map(({ header, term }) => {
      return term === undefined ? showHeader(header) : `${showHeader(header)}: ${showTerm(term)}`;
    });
  }

  get responseIds(): number[] {
    return this.messages.map(({ header }) => Number(header?.responseId ?? 0n));
  }

  /** Each term that came. */
  get terms(): string[] {
    return this.messages.flatMap(({ term }) => (term === undefined ? [] : [showTerm(term)]));
  }

  /** The client drops its end. */
  async cancel(): Promise<void> {
    this.#abort.abort();
    await settled();
  }

  async #read(events: AsyncIterable<EventResponse>): Promise<void> {
    try {
      for await (const message of events) this.messages.push(message);
      this.end = "closed";
    } catch (error) {
      this.end = ConnectError.from(error);
    }
  }
}

function showTerm(term: Term | undefined): string {
  if (term === undefined) return "no term";
  return `${term.id} ${term.leader || "-"} [${term.candidates.join(" ")}]`;
}

/** Its fields that are not zero. */
export function showHeader(header: ResponseHeader | undefined): string {
  if (header === undefined) return "no header";
  const { sessionId, streamId, responseId, index, leader, status, type } = header;
  const numbers = { session: sessionId, stream: streamId, response: responseId, index };
  const shown = Object.entries(numbers).flatMap(([name, n]) => (n === 0n ? [] : `${name} ${n}`));
  if (leader !== "") shown.push(`leader ${leader}`);
  if (status !== ResponseStatus.OK) shown.push(ResponseStatus[status]);
  if (type !== ResponseType.RESPONSE) shown.push(ResponseType[type]);
  return shown.join(" ");
}

async function answerOf(
  ask: () => Promise<{
    readonly header?: ResponseHeader | undefined;
    readonly term?: Term | undefined;
  }>,
): Promise<S0Answer> {
  try {
    const { header, term } = await ask();
    const head = showHeader(header);
    return { header, term, shown: term === undefined ? head : `${head}: ${showTerm(term)}` };
  } catch (error) {
    return { shown: Code[ConnectError.from(error).code] ?? "" };
  }
}
