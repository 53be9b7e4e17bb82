// SPDX-License-Identifier: Apache-2.0
/** The dialects that know a caller by its connection, within one process: a node and its callers. */

import type { DescService } from "@bufbuild/protobuf";
import type { Clock } from "@conclave/base";
import {
  type Client,
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type Interceptor,
  type Transport,
} from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";
import { settled } from "../replica/memory-node.ts";
import { connectionKey } from "./connection-context.ts";
import { type DialectOptions, defaultDialectOptions } from "./dialect-options.ts";
import type { DialectServices } from "./dialect-service.ts";
import { createDialectServices, registerDialects } from "./dialects.ts";
import { MemoryConnection } from "./memory-connection.ts";

/** Says which connection a call comes through; of this twin only. */
const THROUGH = "memory-connection";

export class DialectServer {
  readonly services: DialectServices;
  readonly #transport: Transport;
  readonly #connections = new Map<string, MemoryConnection>();

  constructor(
    { node, clock }: { readonly node: ElectionNode; readonly clock: Clock },
    options: Partial<DialectOptions> = {},
  ) {
    // Other numbers at each node, and at each start.
    let drawn = (BigInt(node.cluster.node) << 40n) + (BigInt(++starts) << 16n);
    this.services = createDialectServices({
      ...{ node, clock },
      dialects: { ...defaultDialectOptions, ...options },
      drawSessionId: () => ++drawn,
    });
    const through: Interceptor = (next) => (request) => {
      const connection = this.#connections.get(request.header.get(THROUGH) ?? "");
      request.contextValues.set(connectionKey, connection);
      return next(request);
    };
    this.#transport = createRouterTransport((router) => registerDialects(router, this.services), {
      router: { interceptors: [through] },
    });
  }

  /** @param metadata sent with every call. */
  client<T extends DescService>(
    service: T,
    connection: MemoryConnection = new MemoryConnection(),
    metadata: Readonly<Record<string, string>> = {},
  ): Client<T> {
    this.#connections.set(`${connection.id}`, connection);
    const headers = { ...metadata, [THROUGH]: `${connection.id}` };
    const { unary, stream } = this.#transport;
    return createClient(service, {
      unary: (method, signal, timeoutMs, header, ...rest) =>
        unary(method, signal, timeoutMs, withAll(header, headers), ...rest),
      stream: (method, signal, timeoutMs, header, ...rest) =>
        stream(method, signal, timeoutMs, withAll(header, headers), ...rest),
    });
  }
}

function withAll(header: HeadersInit | undefined, more: Readonly<Record<string, string>>): Headers {
  const all = new Headers(header);
  for (const [name, value] of Object.entries(more)) all.set(name, value);
  return all;
}

let starts = 0;

/** A stream from the server that is read as it comes. */
export class StreamTail<T> {
  readonly messages: T[] = [];
  /** How it ended: `"closed"`, or the code and the words of its error; undefined while it is open. */
  end: string | undefined;
  readonly #caller = new AbortController();

  /** @param open opens the stream; it ends when the caller cancels. */
  constructor(open: (signal: AbortSignal) => AsyncIterable<T>) {
    void this.#read(open(this.#caller.signal));
  }

  async cancel(): Promise<void> {
    this.#caller.abort();
    await settled();
  }

  async #read(stream: AsyncIterable<T>): Promise<void> {
    try {
      for await (const message of stream) this.messages.push(message);
      this.end = "closed";
    } catch (error) {
      this.end = wordsOf(error);
    }
  }
}

/** What a call was refused with, as `"InvalidArgument: words"`; undefined where it was answered. */
export async function errorOf(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return wordsOf(error);
  }
}

function wordsOf(error: unknown): string {
  const { code, rawMessage } = ConnectError.from(error);
  return `${Code[code]}: ${rawMessage}`;
}
