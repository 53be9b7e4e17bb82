// SPDX-License-Identifier: Apache-2.0
/** A client of Listen within one process: hears until the stream ends, and keeps what it has heard. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  AttachResponse,
  FrameError,
  ListenRequestSchema,
  ListenResponse,
} from "@conclave/api";
import { ConnectError } from "@connectrpc/connect";
import { settled } from "../replica/memory-node.ts";
import type { MemoryClient } from "./memory-client.ts";

export class ListenClient {
  readonly heard: ListenResponse[] = [];
  /** How the stream ended; undefined while it is open. */
  end: "closed" | ConnectError | undefined;
  readonly #abort = new AbortController();

  constructor({ sessions }: MemoryClient, request: MessageInitShape<typeof ListenRequestSchema>) {
    void this.#read(sessions, request);
  }

  /** Breaks the stream off, as a page that goes away. */
  async cancel(): Promise<void> {
    this.abort();
    await settled();
  }

  /** As `cancel`, and waits for nothing. */
  abort(): void {
    this.#abort.abort();
  }

  /** What a listener was told, in order. */
  framesOf(id: number): AttachResponse[] {
    return this.heard.flatMap((message) =>
      message.id === id && message.told.case === "frame" ? [message.told.value] : [],
    );
  }

  errorOf(id: number): FrameError | undefined {
    const last = this.heard.findLast((message) => message.id === id);
    return last?.told.case === "error" ? last.told.value : undefined;
  }

  candidaciesOf(id: number): AttachResponse["candidacies"] {
    return this.framesOf(id).flatMap(({ candidacies }) => candidacies);
  }

  eventsOf(id: number): AttachResponse["watchEvents"] {
    return this.framesOf(id).flatMap(({ watchEvents }) => watchEvents);
  }

  async #read(
    sessions: MemoryClient["sessions"],
    request: MessageInitShape<typeof ListenRequestSchema>,
  ): Promise<void> {
    try {
      const { signal } = this.#abort;
      for await (const message of sessions.listen(request, { signal })) this.heard.push(message);
      this.end = "closed";
    } catch (error) {
      this.end = ConnectError.from(error);
    }
  }
}

/** Begins to listen, and waits until all that follows at once has been heard. */
export async function listenTo(
  client: MemoryClient,
  request: MessageInitShape<typeof ListenRequestSchema>,
): Promise<ListenClient> {
  const listening = new ListenClient(client, request);
  await settled();
  await settled();
  return listening;
}
