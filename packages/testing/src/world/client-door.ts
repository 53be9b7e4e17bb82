// SPDX-License-Identifier: Apache-2.0
/**
 * The port of a simulated server: puts a client's connection before the real services, as the front port
 * does, and says of a connection who has ended it.
 */

import { create, type DescService } from "@bufbuild/protobuf";
import {
  type AttachRequest,
  AttachRequestSchema,
  type AttachResponse,
  AttachResponseSchema,
  SessionService,
} from "@conclave/api";
import type { Clock } from "@conclave/base";
import { type Connection, connectionKey } from "@conclave/server";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createContextValues,
  createHandlerContext,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import type { ClientFrame } from "./client-link.ts";
import { type Codec, codecOf } from "./codec.ts";
import type { ConnectionEnd, EndListener } from "./connection.ts";
import { Inbox } from "./inbox.ts";
import { KeepAlive, type PingTimes } from "./keep-alive.ts";
import { Pump } from "./pump.ts";

/** As the front port's. */
const PINGS: PingTimes = { intervalMs: 10_000, timeoutMs: 10_000 };

export class ClientDoor {
  readonly #clock: Clock;
  readonly #requests: Codec<typeof AttachRequestSchema>;
  readonly #responses: Codec<typeof AttachResponseSchema>;
  readonly #open = new Set<ServedAttach>();
  #services: Services = new Map();
  #lastId = 0;

  constructor(clock: Clock, isEncoded: boolean) {
    this.#clock = clock;
    this.#requests = codecOf(AttachRequestSchema, isEncoded);
    this.#responses = codecOf(AttachResponseSchema, isEncoded);
  }

  /** What `register` puts on a router is served from now on. */
  serve(register: (router: ConnectRouter) => void): void {
    this.#services = servicesOf(register);
  }

  /** A service as it is implemented, for who asks within the process. */
  service<Service extends DescService>(service: Service): Partial<ServiceImpl<Service>> {
    return (this.#services.get(service.typeName) ?? {}) as Partial<ServiceImpl<Service>>;
  }

  accept(end: ConnectionEnd): EndListener {
    const { attach } = this.service(SessionService);
    // Nothing that this world's clients call hangs on the connection itself.
    const onClose = () => () => {};
    const connection = { id: ++this.#lastId, isShared: true, endedByServer: false, onClose };
    const served = new ServedAttach({
      ...{ end, connection, attach, clock: this.#clock },
      requests: this.#requests,
      responses: this.#responses,
      over: () => this.#open.delete(served),
    });
    this.#open.add(served);
    return served;
  }

  /** As a shutdown in order: what ends from now on was ended by the server. */
  close(): void {
    for (const served of this.#open) served.endByServer();
  }
}

/** For a call within the process. */
export function localContext(service: DescService): HandlerContext {
  const [method] = service.methods;
  if (method === undefined) throw new Error("a service has methods");
  return createHandlerContext({
    ...{ service, method, protocolName: "local", requestMethod: "POST", url: "http://local/" },
  });
}

type Services = Map<string, Partial<ServiceImpl<DescService>>>;

/** Without a transport: its frames have had their way through the network already. */
function servicesOf(register: (router: ConnectRouter) => void): Services {
  const services: Services = new Map();
  const router: ConnectRouter = {
    handlers: [],
    service(service, implementation) {
      services.set(service.typeName, implementation as Partial<ServiceImpl<DescService>>);
      return router;
    },
    rpc: () => router,
  };
  register(router);
  return services;
}

interface ServedAttachOptions {
  readonly end: ConnectionEnd;
  readonly connection: Connection & { endedByServer: boolean };
  readonly attach: ServiceImpl<typeof SessionService>["attach"] | undefined;
  readonly clock: Clock;
  readonly requests: Codec<typeof AttachRequestSchema>;
  readonly responses: Codec<typeof AttachResponseSchema>;
  readonly over: () => void;
}

/** One stream of a client, with the connection that is its own. */
class ServedAttach implements EndListener {
  readonly #options: ServedAttachOptions;
  readonly #abort = new AbortController();
  readonly #inbox = new Inbox<AttachRequest>();
  readonly #pump: Pump<AttachResponse>;
  readonly #keepAlive: KeepAlive;

  constructor(options: ServedAttachOptions) {
    this.#options = options;
    const { end, clock, responses } = options;
    this.#pump = new Pump(end, (frame) =>
      this.#send({ kind: "frame", packed: responses.pack(frame) }),
    );
    this.#keepAlive = new KeepAlive(
      clock,
      PINGS,
      () => this.#send({ kind: "ping" }),
      () => {
        this.endByServer();
        end.close("connection reset");
        this.ended("no answer to a PING");
      },
    );
    void this.#serve();
  }

  frame(frame: unknown): void {
    this.#keepAlive.heard();
    const { kind, ...rest } = frame as ClientFrame;
    if (kind === "ping") this.#send({ kind: "pong" });
    else if ("packed" in rest) this.#inbox.push(this.#options.requests.unpack(rest.packed));
  }

  ended(cause: string): void {
    this.#keepAlive.stop();
    this.#pump.stop();
    this.#inbox.end(new ConnectError(cause, Code.Aborted));
    this.#abort.abort();
    this.#options.over();
  }

  room(): void {
    this.#pump.room();
  }

  endByServer(): void {
    this.#options.connection.endedByServer = true;
  }

  async #serve(): Promise<void> {
    const { attach, connection, end } = this.#options;
    let error: string | undefined;
    try {
      if (attach === undefined) throw new ConnectError("no such method", Code.Unimplemented);
      const context = createHandlerContext({
        service: SessionService,
        method: SessionService.method.attach,
        ...{ protocolName: "connect", requestMethod: "POST", url: "http://local/" },
        requestSignal: this.#abort.signal,
        contextValues: createContextValues().set(connectionKey, connection),
      });
      await this.#pump.run(whole(attach(this.#inbox, context)));
    } catch (thrown) {
      const { code, rawMessage } = ConnectError.from(thrown);
      error = `[${Code[code]}] ${rawMessage}`;
    }
    if (end.isOver) return;
    this.#send({ kind: "end", error });
    // The client closes once it has read this; so does a server, a little later.
    this.#keepAlive.stop();
    this.#options.over();
  }

  #send(frame: ClientFrame): void {
    this.#options.end.send(frame);
  }
}

async function* whole(
  frames: ReturnType<ServiceImpl<typeof SessionService>["attach"]>,
): AsyncGenerator<AttachResponse> {
  for await (const frame of frames) yield create(AttachResponseSchema, frame);
}
