// SPDX-License-Identifier: Apache-2.0
/**
 * Notices an HTTP/2 peer that is gone without a word: a frozen process, a cut cable.
 *
 * Such a peer's kernel may acknowledge bytes for hours, or nobody does; only its answer to a PING
 * shows that it lives. This frees what the peer held and decides nothing about sessions: those end
 * by their TTL.
 */

import type { ServerHttp2Session } from "node:http2";
import type { Clock } from "@conclave/base";

export interface PingTimes {
  /** From the last sign of life to the next PING. */
  readonly intervalMs: number;
  /** How long an answer may take. */
  readonly timeoutMs: number;
}

/**
 * Pings `session` while it is silent, until it closes. Calls `lost` at most once: when a PING was not
 * answered in time, or when the session is over and its connection does not close. Bytes of any kind that `bytesRead` shows are a sign of life, so a busy
 * connection is never pinged.
 */
export function pingWhileSilent(
  session: ServerHttp2Session,
  bytesRead: () => number,
  clock: Clock,
  times: PingTimes,
  lost: () => void,
): void {
  let heard = bytesRead();
  let cancelTimer = clock.setTimer(times.intervalMs, look);
  session.once("close", () => cancelTimer());

  function look(): void {
    if (session.destroyed) {
      // Both sides have said that they go, and the peer keeps its half of the connection open. A PING
      // here would throw, and whatever the peer still sends is no sign of anything.
      cancelTimer = clock.setTimer(times.timeoutMs, lost);
      return;
    }
    const now = bytesRead();
    const isSilent = now === heard;
    heard = now;
    if (!isSilent) cancelTimer = clock.setTimer(times.intervalMs, look);
    else ping();
  }

  function ping(): void {
    cancelTimer = clock.setTimer(times.timeoutMs, lost);
    const isSent = session.ping((error) => {
      // An error comes with the session's end, which `close` cleans up after.
      if (error !== null) return;
      cancelTimer();
      heard = bytesRead();
      cancelTimer = clock.setTimer(times.intervalMs, look);
    });
    // Too many PINGs unanswered already cannot be: one is out at a time. The session is closing.
    if (!isSent) cancelTimer();
  }
}
