// SPDX-License-Identifier: Apache-2.0
/** S4 within one process: a node that serves it, and clients that are a connection each. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  EventsOutput_Type,
  type EventsResponse,
  type Latch,
  LeaderLatchService,
  PrimitiveService,
  type RequestType,
  ResponseType,
  type SnapshotSchema,
} from "@conclave/api/s4";
import type { ManualClock } from "@conclave/base";
import {
  type Client,
  ConnectError,
  createClient,
  createRouterTransport,
} from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";
import { settled } from "../replica/memory-node.ts";
import { connectionKey } from "./connection-context.ts";
import { type DialectOptions, defaultDialectOptions } from "./dialect-options.ts";
import type { DialectServices } from "./dialect-service.ts";
import { createDialectServices, registerDialects } from "./dialects.ts";
import { MemoryConnection } from "./memory-connection.ts";

export interface HeaderInit {
  readonly clientId?: string;
  readonly primitiveId?: { readonly type?: string; readonly name?: string };
  readonly requestId?: bigint;
  readonly requestType?: RequestType;
}

export class LatchServer {
  readonly services: DialectServices;

  constructor(
    place: { readonly node: ElectionNode; readonly clock: ManualClock },
    options: Partial<DialectOptions> = {},
  ) {
    const { node, clock } = place;
    // Other numbers at each node, and at each start.
    let drawn = (BigInt(node.cluster.node) << 40n) + (BigInt(++starts) << 16n);
    const drawSessionId = (): bigint => ++drawn;
    const dialects = { ...defaultDialectOptions, served: ["s4"] as const, ...options };
    this.services = createDialectServices({ node, clock, dialects, drawSessionId });
  }

  /** @param clientId empty: the client says no name. */
  connect(clientId: string, connection: MemoryConnection = new MemoryConnection()): LatchClient {
    const transport = createRouterTransport((router) => registerDialects(router, this.services), {
      router: {
        interceptors: [
          (next) => (request) => {
            request.contextValues.set(connectionKey, connection);
            return next(request);
          },
        ],
      },
    });
    const latches = createClient(LeaderLatchService, transport);
    return new LatchClient(
      clientId,
      connection,
      latches,
      createClient(PrimitiveService, transport),
    );
  }
}

let starts = 0;

export class LatchClient {
  readonly connection: MemoryConnection;
  readonly latches: Client<typeof LeaderLatchService>;
  readonly primitives: Client<typeof PrimitiveService>;
  /** The header of all its calls, but for what a call says otherwise. */
  readonly header: HeaderInit;
  /** Sent with all its calls. */
  readonly metadata: Record<string, string> = {};

  constructor(
    clientId: string,
    connection: MemoryConnection,
    latches: Client<typeof LeaderLatchService>,
    primitives: Client<typeof PrimitiveService>,
  ) {
    this.header = { clientId, primitiveId: { type: "LeaderLatch", name: "test" } };
    this.connection = connection;
    this.latches = latches;
    this.primitives = primitives;
  }

  async latch(header: HeaderInit = {}): Promise<string> {
    return show((await this.latches.latch(this.#request(header), this.#options)).output?.latch);
  }

  async get(header: HeaderInit = {}): Promise<string> {
    return show((await this.latches.get(this.#request(header), this.#options)).output?.latch);
  }

  create(header: HeaderInit = {}): Promise<unknown> {
    return this.primitives.create(this.#request(header), this.#options);
  }

  close(header: HeaderInit = {}): Promise<unknown> {
    return this.primitives.close(this.#request(header), this.#options);
  }

  delete(header: HeaderInit = {}): Promise<unknown> {
    return this.primitives.delete(this.#request(header), this.#options);
  }

  restore(
    snapshot: MessageInitShape<typeof SnapshotSchema> | undefined,
    header: HeaderInit = {},
  ): Promise<unknown> {
    const request = { ...this.#request(header), ...(snapshot && { snapshot }) };
    return this.latches.restore(request, this.#options);
  }

  /** Opens a stream, and waits until the server says that it stands. */
  async watch(header: HeaderInit = {}): Promise<LatchWatch> {
    const caller = new AbortController();
    const options = { ...this.#options, signal: caller.signal };
    const watch = new LatchWatch(this.latches.events(this.#request(header), options), caller);
    await settled();
    return watch;
  }

  get #options(): { readonly headers: Record<string, string> } {
    return { headers: this.metadata };
  }

  #request(header: HeaderInit): { readonly header: HeaderInit } {
    return { header: { ...this.header, ...header } };
  }
}

export class LatchWatch {
  readonly responses: EventsResponse[] = [];
  /** How it ended; undefined while it is open. */
  end: "closed" | ConnectError | undefined;
  readonly #caller: AbortController;

  constructor(stream: AsyncIterable<EventsResponse>, caller: AbortController) {
    this.#caller = caller;
    void this.#read(stream);
  }

  /** What has come, in words. */
  async events(): Promise<readonly string[]> {
    await settled();
    return this.responses.map(showEvent);
  }

  async cancel(): Promise<void> {
    this.#caller.abort();
    await settled();
  }

  async #read(stream: AsyncIterable<EventsResponse>): Promise<void> {
    try {
      for await (const response of stream) this.responses.push(response);
      this.end = "closed";
    } catch (error) {
      this.end = ConnectError.from(error);
    }
  }
}

/** `"1 a [a b]"`: revision, leader, participants. */
function show(latch: Latch | undefined): string {
  if (latch?.meta?.revision === undefined) return "without a latch";
  const { leader, participants, meta } = latch;
  return `${meta.revision?.num} ${leader === "" ? "-" : leader} [${participants.join(" ")}]`;
}

function showEvent({ header, output }: EventsResponse): string {
  const type = ResponseType[header?.responseType ?? -1];
  const change = output === undefined ? "without output" : EventsOutput_Type[output.type];
  return `${type} ${change} ${show(output?.latch)}`;
}
