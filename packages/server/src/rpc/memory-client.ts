// SPDX-License-Identifier: Apache-2.0
/** Clients of a node within one process: unary calls and an Attach stream driven frame by frame. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  AttachRequestSchema,
  type AttachResponse,
  ElectionService,
  ErrorInfoSchema,
  Outcome,
  Reason,
  SessionService,
} from "@conclave/api";
import {
  type Client,
  Code,
  ConnectError,
  createClient,
  createContextValues,
  createRouterTransport,
  type Transport,
} from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";
import { settled } from "../replica/memory-node.ts";
import { type Connection, connectionKey } from "./connection-context.ts";
import { registerNativeServices } from "./native-services.ts";

export interface MemoryClient {
  readonly elections: Client<typeof ElectionService>;
  readonly sessions: Client<typeof SessionService>;
  attach(): AttachClient;
}

/** @param connection what the front port would say of the connection that the calls come through. */
export function createMemoryClient(node: ElectionNode, connection?: Connection): MemoryClient {
  let drawn = 1_000n;
  const transport: Transport = createRouterTransport(
    (router) => registerNativeServices(router, node, { drawSessionId: () => ++drawn }),
    {
      router: {
        interceptors: [
          (next) => (request) => {
            request.contextValues.set(connectionKey, connection);
            return next(request);
          },
        ],
      },
    },
  );
  const sessions = createClient(SessionService, transport);
  return {
    elections: createClient(ElectionService, transport),
    sessions,
    attach: () => new AttachClient(sessions),
  };
}

type FrameInit = MessageInitShape<typeof AttachRequestSchema>;

export class AttachClient {
  /** All frames that came, in order. */
  readonly frames: AttachResponse[] = [];
  /** How the stream ended; undefined while it is open. */
  end: "closed" | ConnectError | undefined;
  readonly #abort = new AbortController();
  readonly #unsent: FrameInit[] = [];
  #wake: () => void = () => {};
  #isHalfClosed = false;

  constructor(sessions: Client<typeof SessionService>) {
    void this.#read(sessions);
  }

  /** Sends a frame and waits until all that follows from it has happened. */
  async send(frame: FrameInit): Promise<void> {
    this.#unsent.push(frame);
    this.#wake();
    await settled();
    await settled();
  }

  /** Ends the request side in order, as a client that is done. */
  async halfClose(): Promise<void> {
    this.#isHalfClosed = true;
    this.#wake();
    await settled();
  }

  /** Breaks the stream off, as a process that dies. */
  async cancel(): Promise<void> {
    this.#abort.abort();
    await settled();
  }

  get replies(): AttachResponse["replies"] {
    return this.frames.flatMap(({ replies }) => replies);
  }

  get leases(): AttachResponse["leases"] {
    return this.frames.flatMap(({ leases }) => leases);
  }

  get candidacies(): AttachResponse["candidacies"] {
    return this.frames.flatMap(({ candidacies }) => candidacies);
  }

  get watchEvents(): AttachResponse["watchEvents"] {
    return this.frames.flatMap(({ watchEvents }) => watchEvents);
  }

  async #read(sessions: Client<typeof SessionService>): Promise<void> {
    const contextValues = createContextValues();
    const options = { signal: this.#abort.signal, contextValues };
    try {
      for await (const frame of sessions.attach(this.#requests(), options)) this.frames.push(frame);
      this.end = "closed";
    } catch (error) {
      this.end = ConnectError.from(error);
    }
  }

  async *#requests(): AsyncGenerator<FrameInit> {
    while (!this.#abort.signal.aborted) {
      const frame = this.#unsent.shift();
      if (frame !== undefined) yield create(AttachRequestSchema, frame);
      else if (this.#isHalfClosed) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** What a call was refused with, in words: code, reason, outcome, and the field where one was named. */
export interface Refusal {
  readonly code: string;
  readonly reason: string;
  readonly outcome: string;
  readonly field: string;
  readonly bound: string;
}

export async function refusalOf(call: Promise<unknown>): Promise<Refusal | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return describe(ConnectError.from(error));
  }
}

export function describe(error: ConnectError): Refusal {
  const [info] = error.findDetails(ErrorInfoSchema);
  return {
    code: Code[error.code],
    reason: Reason[info?.reason ?? 0] ?? "",
    outcome: Outcome[info?.outcome ?? 0] ?? "",
    field: info?.field ?? "",
    bound: info?.bound ?? "",
  };
}
