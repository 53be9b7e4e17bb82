// SPDX-License-Identifier: Apache-2.0
/**
 * conclave.peer.v1 on a router: the door by which other nodes come in.
 *
 * It is open before the node knows who it is, since the nodes of a first start wait for each other's
 * introductions.
 */

import {
  type ExchangeRequest,
  ExchangeRequestSchema,
  type ExchangeResponse,
  ExchangeResponseSchema,
  PeerService,
} from "@conclave/api/peer";
import type { ConnectRouter } from "@connectrpc/connect";
import { refusingStream } from "../peer/inbound-stream.ts";
import type { PeerMesh } from "../peer/peer-mesh.ts";
import {
  type Introduction,
  introduceResponseOf,
  type JoinOutcome,
  type JoinRequest,
  joinRequestOf,
  joinResponseOf,
  PEER_PROTOCOL_VERSION,
} from "../wire/introduction.ts";
import { isMalformed } from "../wire/malformed.ts";
import { framesOf, sendFrames } from "./frame-stream.ts";
import { beginAnswer, endAnswer, type PlainDoor } from "./plain-stream.ts";

export interface PeerServiceOptions {
  /** Who this node is now. */
  introduce(): Introduction;
  /** What it does for others once it runs; undefined until then. */
  running(): RunningPeerParts | undefined;
}

interface RunningPeerParts {
  readonly accept: PeerMesh["accept"];
  /** Asked by a replica of this cluster and protocol. */
  join(request: JoinRequest): Promise<JoinOutcome>;
}

/** A message with one large entry is larger than the 1 MiB at which frames are closed. */
export const PEER_FRAME_BYTES_MAX: number = 4 * 1024 * 1024;

const REQUESTS = {
  schema: ExchangeRequestSchema,
  bytesMax: PEER_FRAME_BYTES_MAX,
  isAnswer: false,
};

/** Takes the streams of nodes, which dial plainly; the router has those that come otherwise. */
export function exchangeDoor(accept: PeerMesh["accept"]): PlainDoor {
  return {
    method: PeerService.method.exchange,
    serve(stream) {
      if (!beginAnswer(stream)) return;
      const responses = accept(framesOf(stream, REQUESTS));
      void sendFrames(stream, ExchangeResponseSchema, responses).then(() => endAnswer(stream));
    },
  };
}

export function registerPeers(router: ConnectRouter, options: PeerServiceOptions): void {
  router.service(
    PeerService,
    {
      exchange: (requests) => exchange(requests, options),
      introduce: () => introduceResponseOf(options.introduce()),
      async join(message) {
        const request = joinRequestOf(message);
        if (isMalformed(request)) return joinResponseOf(refused("malformed", request.detail));
        return joinResponseOf(await join(request, options));
      },
    },
    { readMaxBytes: PEER_FRAME_BYTES_MAX },
  );
}

function exchange(
  requests: AsyncIterable<ExchangeRequest>,
  options: PeerServiceOptions,
): AsyncIterable<ExchangeResponse> {
  const parts = options.running();
  if (parts !== undefined) return parts.accept(requests);
  return refusingStream({ reason: "not-ready", detail: "it is starting" });
}

async function join(request: JoinRequest, options: PeerServiceOptions): Promise<JoinOutcome> {
  if (request.protocolVersion !== PEER_PROTOCOL_VERSION) {
    const detail = `protocol ${request.protocolVersion}; this node speaks ${PEER_PROTOCOL_VERSION}`;
    return refused("protocol-version", detail);
  }
  if (request.clusterId !== options.introduce().clusterId) {
    return refused("foreign-cluster", "the replica is of another cluster");
  }
  const parts = options.running();
  return parts === undefined ? refused("not-now", "the node is starting") : parts.join(request);
}

function refused(
  reason: (JoinOutcome & { readonly kind: "refused" })["reason"],
  detail: string,
): JoinOutcome {
  return { kind: "refused", reason, detail };
}
