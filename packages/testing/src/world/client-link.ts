// SPDX-License-Identifier: Apache-2.0
/** How a simulated client reaches servers: Attach streams, each on a connection of its own. */

import {
  type AttachRequest,
  AttachRequestSchema,
  type AttachResponse,
  AttachResponseSchema,
  LeaseStatus,
} from "@conclave/api";
import type { Clock } from "@conclave/base";
import type { Attachment, AttachmentListener, Link } from "@conclave/client/core";
import { type Codec, codecOf } from "./codec.ts";
import type { ConnectionEnd, Host } from "./connection.ts";
import { KeepAlive, type PingTimes } from "./keep-alive.ts";
import type { SimNetwork } from "./network.ts";

/** What is on the way between a client and a server. */
export type ClientFrame =
  | { readonly kind: "frame"; readonly packed: unknown }
  | { readonly kind: "ping" | "pong" }
  /** The server's last word on the stream; undefined: it ends in order. */
  | { readonly kind: "end"; readonly error: string | undefined };

export interface ClientLinkOptions {
  readonly network: SimNetwork;
  readonly host: Host;
  readonly clock: Clock;
  /** The machine at a URL. */
  readonly hostAt: (url: string) => string;
  readonly isEncoded: boolean;
  /** What sessions say and are told of their leases. */
  readonly observe: (seen: RenewalSeen) => void;
}

type RenewalSeen =
  | { readonly kind: "renewal-sent"; readonly sessionId: bigint; readonly number: bigint }
  | {
      readonly kind: "renewal-confirmed";
      readonly sessionId: bigint;
      readonly partition: number;
      readonly number: bigint;
    };

/** As in the SDK's own link for Node. */
const PINGS: PingTimes = { intervalMs: 3_000, timeoutMs: 7_000 };

export function createSimLink(options: ClientLinkOptions): Link {
  const open = new Set<SimAttachment>();
  return {
    attach(endpoint, listener) {
      const attachment = new SimAttachment(options, endpoint, listener, () =>
        open.delete(attachment),
      );
      open.add(attachment);
      return attachment;
    },
    close() {
      for (const attachment of [...open]) attachment.close();
    },
  };
}

class SimAttachment implements Attachment {
  readonly #listener: AttachmentListener;
  readonly #over: () => void;
  readonly #end: ConnectionEnd;
  readonly #keepAlive: KeepAlive;
  readonly #requests: Codec<typeof AttachRequestSchema>;
  readonly #responses: Codec<typeof AttachResponseSchema>;
  readonly #observe: ClientLinkOptions["observe"];
  /** Of the session that the stream is for; 0n: of none. */
  #sessionId = 0n;

  constructor(
    { network, host, clock, hostAt, isEncoded, observe }: ClientLinkOptions,
    endpoint: string,
    listener: AttachmentListener,
    over: () => void,
  ) {
    this.#listener = listener;
    this.#over = over;
    this.#observe = observe;
    this.#requests = codecOf(AttachRequestSchema, isEncoded);
    this.#responses = codecOf(AttachResponseSchema, isEncoded);
    this.#end = network.dial(host, hostAt(endpoint), "attach", {
      frame: (frame) => this.#take(frame as ClientFrame),
      ended: (cause) => this.#finish(new Error(cause)),
      room: () => {},
    });
    const ping = (): void => this.#end.send({ kind: "ping" } satisfies ClientFrame);
    this.#keepAlive = new KeepAlive(clock, PINGS, ping, () => {
      this.close();
      this.#listener.end(new Error("the connection was lost: no answer to a PING"));
    });
  }

  send(frame: Parameters<Attachment["send"]>[0]): void {
    this.#see(frame);
    this.#end.send({
      kind: "frame",
      packed: this.#requests.pack(frame),
    } satisfies ClientFrame);
  }

  close(): void {
    this.#end.close();
    this.#keepAlive.stop();
    this.#over();
  }

  #take(frame: ClientFrame): void {
    this.#keepAlive.heard();
    if (frame.kind === "frame") this.#hear(this.#responses.unpack(frame.packed));
    else if (frame.kind === "ping") this.#end.send({ kind: "pong" } satisfies ClientFrame);
    else if (frame.kind === "end") {
      this.#end.close();
      this.#finish(new Error(frame.error ?? "the server ended the stream"));
    }
  }

  #see({ hello, renewals }: AttachRequest): void {
    if (hello?.session !== undefined) this.#sessionId = hello.session.sessionId;
    const sessionId = this.#sessionId;
    for (const { number } of renewals) {
      this.#observe({ kind: "renewal-sent", sessionId, number });
    }
  }

  #hear(frame: AttachResponse): void {
    const sessionId = this.#sessionId;
    for (const { status, partition, number } of frame.leases) {
      if (status !== LeaseStatus.CONFIRMED) continue;
      this.#observe({ kind: "renewal-confirmed", sessionId, partition, number });
    }
    this.#listener.frame(frame);
  }

  #finish(cause: Error): void {
    this.#keepAlive.stop();
    this.#over();
    this.#listener.end(cause);
  }
}
