// SPDX-License-Identifier: Apache-2.0
/**
 * The twin over `fetch`, as a page sees it: unary calls and Listen, by the Connect protocol. With a
 * network that can be cut, that holds streams back, or that a browser does not let the page use.
 */

import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type AttachCommand,
  CloseSessionResponseSchema,
  ElectionService,
  ErrorInfoSchema,
  type FrameError,
  ListenRequestSchema,
  ListenResponseSchema,
  SessionService,
} from "@conclave/api";
import { ENVELOPE_END, EnvelopeReader, envelopeOf } from "@conclave/api/envelope";
import type { Clock } from "@conclave/base";
import { listen } from "./memory-listen.ts";
import { nodeAt } from "./memory-nodes.ts";
import type { MemoryServer } from "./memory-server.ts";
import { closeSession, keepAlive, openSession, runCommand } from "./memory-unary.ts";

interface MemoryCall {
  readonly atMs: number;
  readonly node: number;
  /** The method, as `Listen`; or the path, as `/healthz`. */
  readonly name: string;
  readonly authorization: string | null;
  readonly keepalive: boolean;
  readonly request: Message | undefined;
}

export interface MemoryFetch {
  readonly fetch: typeof globalThis.fetch;
  /** Everything that was asked, oldest first, whether it arrived or not. */
  readonly calls: readonly MemoryCall[];
  /** Answers that have begun and not ended. */
  readonly openCount: number;
  /** What is asked fails, and so does what stands. */
  cut(): void;
  heal(): void;
  /** Streams are held back until they end. */
  isBuffering: boolean;
  /** What streams tell is lost, and nobody is told. */
  isMute: boolean;
  /** The browser gives the page no answer of theirs. */
  isForeign: boolean;
  /** Answers of unary calls and first words of streams come this much later. */
  latencyMs: number;
}

export function createMemoryFetch(server: MemoryServer, clock: Clock): MemoryFetch {
  const network = new MemoryNetwork(server, clock);
  return network;
}

class MemoryNetwork implements MemoryFetch {
  readonly calls: MemoryCall[] = [];
  isBuffering = false;
  isMute = false;
  isForeign = false;
  latencyMs = 0;
  readonly #server: MemoryServer;
  readonly #clock: Clock;
  readonly #open = new Set<(cause: Error) => void>();
  #isCut = false;

  constructor(server: MemoryServer, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
  }

  get openCount(): number {
    return this.#open.size;
  }

  cut(): void {
    this.#isCut = true;
    for (const breakOff of [...this.#open]) breakOff(new TypeError("network error"));
  }

  heal(): void {
    this.#isCut = false;
  }

  fetch: typeof globalThis.fetch = async (input, init = {}) => {
    const { origin, pathname } = new URL(String(input));
    const node = nodeAt(origin);
    const method = methodAt(pathname);
    const bytes = new Uint8Array((init.body as Uint8Array | undefined) ?? []);
    const request = method === undefined ? undefined : requestOf(method, bytes);
    this.calls.push({
      atMs: this.#clock.monotonicMs(),
      node,
      name: method?.name ?? pathname,
      authorization: new Headers(init.headers).get("authorization"),
      keepalive: init.keepalive === true,
      request,
    });
    await this.#reach(node, init);
    if (method === undefined || request === undefined) return new Response(null);
    if (method.methodKind === "server_streaming") return this.#stream(node, request, init);
    return unaryResponse(method, this.#answer(node, method, request));
  };

  /** On its way, until it is there, fails or is given up. */
  async #reach(node: number, { signal, mode }: RequestInit): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      if (this.#isCut || this.#server.nodes.state(node) === "refusing") {
        reject(new TypeError("fetch failed"));
        return;
      }
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      if (this.isForeign && mode !== "no-cors") {
        reject(new TypeError("failed to fetch"));
        return;
      }
      const aborted = (): void => breakOff(signal?.reason);
      const breakOff = (cause: Error): void => {
        this.#open.delete(breakOff);
        reject(cause);
      };
      this.#open.add(breakOff);
      signal?.addEventListener("abort", aborted);
      if (this.#server.nodes.state(node) === "silent") return;
      const arrive = (): void => {
        signal?.removeEventListener("abort", aborted);
        if (this.#open.delete(breakOff)) resolve();
      };
      if (this.latencyMs > 0) this.#clock.setTimer(this.latencyMs, arrive);
      else void Promise.resolve().then(arrive);
    });
  }

  #answer(node: number, method: DescMethod, request: Message): Message {
    const server = this.#server;
    switch (method) {
      case SessionService.method.openSession:
        return openSession(server, node, request as never);
      case SessionService.method.keepAlive:
        return keepAlive(server, node, request as never);
      case SessionService.method.closeSession:
        closeSession(server, request as never);
        return create(CloseSessionResponseSchema, {});
      default: {
        const command = { case: method.localName, value: request } as AttachCommand["command"];
        return runCommand(server, node, command).value ?? create(CloseSessionResponseSchema, {});
      }
    }
  }

  #stream(node: number, request: Message, { signal }: RequestInit): Response {
    let close = (): void => {};
    let breakOff = (_cause: Error): void => {};
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const held: Uint8Array[] = [];
        const isHeld = this.isBuffering;
        const send = (bytes: Uint8Array): void => {
          if (isHeld) held.push(bytes);
          else if (!this.isMute) controller.enqueue(bytes);
        };
        breakOff = (cause) => {
          if (!this.#open.delete(breakOff)) return;
          close();
          controller.error(cause);
        };
        this.#open.add(breakOff);
        close = listen(this.#server, this.#clock, node, request as never, {
          told: (message) => send(envelopeOf(0, toBinary(ListenResponseSchema, message))),
          ended: () => {
            if (!this.#open.delete(breakOff)) return;
            for (const bytes of held) controller.enqueue(bytes);
            controller.enqueue(envelopeOf(ENVELOPE_END, new TextEncoder().encode("{}")));
            controller.close();
          },
          lost: (cause) => breakOff(new TypeError(cause)),
        });
      },
      cancel: () => {
        this.#open.delete(breakOff);
        close();
      },
    });
    signal?.addEventListener("abort", () => breakOff(signal.reason));
    return new Response(body, { headers: { "content-type": "application/connect+proto" } });
  }
}

const METHODS: readonly DescMethod[] = [...SessionService.methods, ...ElectionService.methods];

function methodAt(path: string): DescMethod | undefined {
  return METHODS.find(({ parent, name }) => path === `/${parent.typeName}/${name}`);
}

function requestOf(method: DescMethod, bytes: Uint8Array): Message {
  if (method.methodKind === "unary") return fromBinary(method.input as DescMessage, bytes);
  let request: Message = create(ListenRequestSchema, {});
  new EnvelopeReader(1 << 20, (_, message) => {
    request = fromBinary(method.input as DescMessage, message);
    return true;
  }).read(bytes);
  return request;
}

function unaryResponse(method: DescMethod, answer: Message): Response {
  if (answer.$typeName !== "conclave.v1.Error") {
    const bytes = toBinary(method.output as DescMessage, answer) as Uint8Array<ArrayBuffer>;
    return new Response(bytes, { headers: { "content-type": "application/proto" } });
  }
  const { code, message, info } = answer as FrameError;
  const details =
    info === undefined
      ? []
      : [
          {
            type: info.$typeName,
            value: btoa(String.fromCharCode(...toBinary(ErrorInfoSchema, info))),
          },
        ];
  return Response.json({ code, message, details }, { status: code === "unavailable" ? 503 : 400 });
}
