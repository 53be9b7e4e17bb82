// SPDX-License-Identifier: Apache-2.0
/** The twin's Listen: the answering halves of several streams in one, perhaps as a long poll. */

import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  AttachRequestSchema,
  type AttachResponse,
  type Listener,
  type ListenRequest,
  type ListenResponse,
  ListenResponseSchema,
} from "@conclave/api";
import type { Clock } from "@conclave/base";
import type { MemoryServer, ServerConnection } from "./memory-server.ts";

export interface ListenPeer {
  told(message: ListenResponse): void;
  /** In order: nothing more is told. */
  ended(): void;
  lost(cause: string): void;
}

/** Returns what ends it from the client's side. */
export function listen(
  server: MemoryServer,
  clock: Clock,
  node: number,
  { listeners, poll }: ListenRequest,
  peer: ListenPeer,
): () => void {
  const connections = new Map<number, ServerConnection>();
  let isOver = false;
  const close = (): void => {
    isOver = true;
    cancelTimer();
    for (const connection of connections.values()) connection.end();
  };
  const end = (): void => {
    if (isOver) return;
    close();
    peer.ended();
  };
  const cancelTimer = poll === undefined ? () => {} : clock.setTimer(durationMs(poll), end);
  for (const listener of listeners) {
    const { id, hello, watches } = listener;
    const connection = server.accept(node, {
      frame: (frame) => {
        if (isOver) return;
        peer.told(create(ListenResponseSchema, { id, told: { case: "frame", value: frame } }));
        if (frame.goodbye !== undefined) connections.delete(id);
        if (poll !== undefined && isNews(frame, listener)) end();
        else if (connections.size === 0) end();
      },
      lost: (cause) => {
        if (isOver) return;
        close();
        peer.lost(cause);
      },
    });
    connections.set(id, connection);
    const greeting = hello === undefined ? {} : { hello };
    connection.receive(create(AttachRequestSchema, { ...greeting, watches }));
  }
  return close;
}

/** Whether the client learns from it what it did not know. */
function isNews(frame: AttachResponse, { told }: Listener): boolean {
  const known = new Map(told.map(({ partition, revision }) => [partition, revision]));
  return (
    frame.goodbye !== undefined ||
    frame.candidaciesTold.some(({ partition }) => !known.has(partition)) ||
    frame.candidacies.some((c) => c.revision > (known.get(c.partition) ?? 0n)) ||
    frame.watchEvents.some(
      ({ outcome }) => outcome.case === "ended" || outcome.value?.event.case !== "progress",
    )
  );
}
