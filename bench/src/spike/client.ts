// SPDX-License-Identifier: Apache-2.0
/** The one stream to a server of the spike, with many operations in flight. */

import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { createOutbox } from "./outbox.ts";
import { OpSchema, SpikeService } from "./wire.ts";

export interface SpikeClient {
  /** Resolves when the operation has been answered. Rejects never: a spike that fails, hangs. */
  perform(payload: Uint8Array): Promise<void>;
  close(): void;
}

export function connectSpike(url: string): SpikeClient {
  const manager = new Http2SessionManager(url);
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: "2",
    sessionManager: manager,
  });
  const outbox = createOutbox();
  const waiting = new Map<number, () => void>();
  let lastId = 0;
  const read = async (): Promise<void> => {
    for await (const { ops } of createClient(SpikeService, transport).exchange(outbox.frames())) {
      for (const { id } of ops) {
        waiting.get(id)?.();
        waiting.delete(id);
      }
    }
  };
  void read().catch(() => {});
  return {
    perform(payload) {
      lastId = (lastId + 1) >>> 0;
      const id = lastId;
      outbox.push(create(OpSchema, { id, payload }));
      return new Promise((resolve) => waiting.set(id, resolve));
    },
    close() {
      outbox.end();
      manager.abort();
    },
  };
}
