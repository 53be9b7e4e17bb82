// SPDX-License-Identifier: Apache-2.0
/**
 * One connection of gRPC's own JavaScript library to one node, speaking what a folder of protos says.
 *
 * It knows nothing of elections, and shares neither code nor descriptors with the server.
 */

import { setTimeout as delay } from "node:timers/promises";
import {
  type CallOptions,
  Client,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { MessageStream } from "./message-stream.ts";
import { type Method, methodsOf, type Protocol } from "./protos.ts";

export interface Answered<T> {
  readonly message: T;
  readonly headers: Metadata;
}

/** What a request says besides its message. */
export type Headers = Readonly<Record<string, string>>;

/** A call that takes longer hangs: the server's own patience is 5 s. */
const CALL_MS = 15_000;
/** For how long UNAVAILABLE is asked again, as every client of the originals does. */
const RETRY_MS = 12_000;
const BACKOFF_MS = 50;

export class GrpcChannel {
  readonly #client: Client;
  readonly #methods: ReadonlyMap<string, Method>;

  /** @param endpoints origins, `http://HOST:PORT`, of which it takes the first that it reaches */
  constructor(endpoints: string | readonly string[], protocol: Protocol) {
    this.#methods = methodsOf(protocol);
    const hosts = [endpoints].flat().map((endpoint) => new URL(endpoint).host);
    this.#client = new Client(`ipv4:${hosts.join(",")}`, credentials.createInsecure(), {
      // Or two clients of one process would share a connection, which may be their session.
      "grpc.use_local_subchannel_pool": 1,
      // A node that comes back is found at once: the default waits for up to two minutes.
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 200,
    });
  }

  /** @param method without the leading stroke: `package.Service/Method` */
  async call<T>(method: string, request: object, headers: Headers = {}): Promise<T> {
    return (await this.ask<T>(method, request, headers)).message;
  }

  /** A call with the headers of its answer; UNAVAILABLE is asked again, word for word. */
  async ask<T>(method: string, request: object, headers: Headers = {}): Promise<Answered<T>> {
    const endMs = performance.now() + RETRY_MS;
    for (;;) {
      try {
        return await this.once<T>(method, request, headers);
      } catch (thrown) {
        const isLate = performance.now() > endMs;
        if ((thrown as ServiceError).code !== status.UNAVAILABLE || isLate) throw thrown;
      }
      await delay(BACKOFF_MS);
    }
  }

  /** Never asked again. @throws the library's error, with `code` and `details` */
  once<T>(method: string, request: object, headers: Headers = {}): Promise<Answered<T>> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method);
    return new Promise((resolve, reject) => {
      let answered = new Metadata();
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadataOf(headers),
        this.#options(),
        (error, answer) => {
          if (error === null) resolve({ message: answer as T, headers: answered });
          else reject(error);
        },
      );
      call.on("metadata", (metadata) => {
        answered = metadata;
      });
    });
  }

  /** Sends these very bytes, whatever they are. */
  raw(method: string, bytes: Buffer): Promise<unknown> {
    const { path } = this.#method(method);
    const same = (value: Buffer): Buffer => value;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        ...([path, same, same, bytes, new Metadata(), this.#options()] as const),
        (error, answer) => (error === null ? resolve(answer) : reject(error)),
      );
    });
  }

  stream<T>(method: string, request: object, headers: Headers = {}): MessageStream<T> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method);
    const stream = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadataOf(headers),
      {},
    );
    return new MessageStream<T>(stream);
  }

  /** Ends the connection. */
  close(): void {
    this.#client.close();
  }

  #method(name: string): Method {
    const method = this.#methods.get(`/${name}`);
    if (method === undefined) throw new Error(`the protos have no ${name}`);
    return method;
  }

  #options(): CallOptions {
    return { deadline: Date.now() + CALL_MS };
  }
}

function metadataOf(headers: Headers): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}
