// SPDX-License-Identifier: Apache-2.0
/**
 * How frames reach a server: the seam between the client's core and a runtime.
 *
 * The core takes everything that touches the world from here, so that it runs in Node, over memory
 * and under a simulator alike.
 */

import type { AttachRequest, AttachResponse } from "@conclave/api";
import type { Clock, Prng } from "@conclave/base";
import type { SuspendClock } from "./belief.ts";

export interface AttachmentListener {
  frame(frame: AttachResponse): void;
  /** Called once, last, unless the client closed it first. */
  end(cause: unknown): void;
}

/** One stream both ways with one node. */
export interface Attachment {
  send(frame: AttachRequest): void;
  /** Ends it from this side, at once. The listener hears nothing more. */
  close(): void;
}

export interface Link {
  /** That an attachment ends tells no server anything of its client, so it starts no disconnect grace. */
  readonly startsNoGrace?: true;
  /** Begins to attach; failure to connect is told through `end`. Never calls the listener at once. */
  attach(endpoint: string, listener: AttachmentListener): Attachment;
  /** Lets go of idle connections; called when the client is closed. */
  close(): void;
}

/** What befalls a page and no process: it is put away, and brought back as if no time had passed. */
export interface PageLife {
  /** Tells the listener until the function that it returns is called. */
  listen(listener: PageListener): () => void;
}

export interface PageListener {
  /** It stood still, perhaps for longer than its clocks say. */
  interrupted(): void;
  /** It is put away, perhaps for good: what is not sent within this turn may never be. */
  departing(): void;
}

/** The world as the client's core sees it. */
export interface Runtime {
  readonly link: Link;
  readonly clock: Clock;
  readonly suspendClock: SuspendClock;
  readonly prng: Prng;
  /** Runs at the end of the present turn of the loop, so that commands of one turn share a frame. */
  readonly defer: (run: () => void) => void;
  /** A random 64-bit number from the platform's CSPRNG, never 0: a session's id is a bearer secret. */
  readonly drawSessionId: () => bigint;
  /** What a candidate is called by default, without its random part: host and process. */
  readonly processName: string;
  /** In a page only. */
  readonly page?: PageLife;
}
