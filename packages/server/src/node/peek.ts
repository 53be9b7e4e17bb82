// SPDX-License-Identifier: Apache-2.0
/**
 * Tells which protocol a new connection speaks by its first bytes, and leaves them to be read again.
 *
 * Reads no further than it must, and answers nothing to the peer.
 */

import type { Socket } from "node:net";
import type { Clock } from "@conclave/base";

export type Protocol = "tls" | "http2" | "http1";

export type PeekResult = Protocol | "timed-out" | "ended";

/** A TLS record of type handshake, with which every TLS connection begins. */
const TLS_HANDSHAKE = 0x16;
/** The beginning of the HTTP/2 connection preface (RFC 9113 section 3.4). */
const PREFACE = "PRI";

/**
 * Which protocol begins so; undefined when more bytes are needed. POST, PUT and PATCH begin with the
 * preface's first letter and PROPFIND with its first two, hence three bytes.
 */
export function protocolOf(first: Uint8Array): Protocol | undefined {
  if (first.length === 0) return undefined;
  if (first[0] === TLS_HANDSHAKE) return "tls";
  for (let index = 0; index < PREFACE.length; index++) {
    if (index === first.length) return undefined;
    if (first[index] !== PREFACE.charCodeAt(index)) return "http1";
  }
  return "http2";
}

/**
 * Waits for the first bytes of `socket`, which may come one by one, for at most `timeoutMs`.
 * Afterwards the socket is paused and gives the same bytes again. After "timed-out" and "ended"
 * nothing can be expected of it.
 */
export function peekProtocol(socket: Socket, clock: Clock, timeoutMs: number): Promise<PeekResult> {
  return new Promise((resolve) => {
    let first = Buffer.alloc(0);
    const settle = (result: PeekResult): void => {
      cancelTimer();
      socket.off("readable", onReadable);
      socket.off("end", onEnd);
      socket.off("close", onEnd);
      if (first.length > 0) socket.unshift(first);
      resolve(result);
    };
    const onReadable = (): void => {
      const chunk: Buffer | null = socket.read();
      if (chunk === null) return;
      first = Buffer.concat([first, chunk]);
      const protocol = protocolOf(first);
      if (protocol !== undefined) settle(protocol);
    };
    const onEnd = (): void => {
      // What was read is of no use, and a socket that has ended takes nothing back.
      first = Buffer.alloc(0);
      settle("ended");
    };
    const cancelTimer = clock.setTimer(timeoutMs, () => settle("timed-out"));
    socket.on("readable", onReadable);
    socket.on("end", onEnd);
    socket.on("close", onEnd);
  });
}
