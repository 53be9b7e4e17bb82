// SPDX-License-Identifier: Apache-2.0
/**
 * conclave.peer.v1 on a router: the door by which other nodes come in.
 *
 * It is open before the node knows who it is, since the nodes of a first start wait for each other's
 * introductions.
 */

import { ExchangeRequestSchema, ExchangeResponseSchema, PeerService } from "@conclave/api/peer";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import type { RunningMember } from "../member/running-member.ts";
import type { PeerMesh } from "../peer/peer-mesh.ts";
import {
  type Introduction,
  introduceResponseOf,
  joinRequestOf,
  joinResponseOf,
} from "../wire/introduction.ts";
import { isMalformed } from "../wire/malformed.ts";
import { framesOf, sendFrames } from "./frame-stream.ts";
import { beginAnswer, endAnswer, type PlainDoor } from "./plain-stream.ts";

/** The part of a member that other nodes speak to. */
type PeerMember = Pick<RunningMember, "accept" | "introduce" | "join">;

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

export function registerPeers(router: ConnectRouter, member: PeerMember): void {
  router.service(
    PeerService,
    {
      exchange: (requests) => member.accept(requests),
      introduce: () => introduceResponseOf(introductionOf(member)),
      async join(message) {
        const request = joinRequestOf(message);
        if (!isMalformed(request)) return joinResponseOf(await member.join(request));
        return joinResponseOf({ kind: "refused", reason: "malformed", detail: request.detail });
      },
    },
    { readMaxBytes: PEER_FRAME_BYTES_MAX },
  );
}

function introductionOf(member: PeerMember): Introduction {
  const introduction = member.introduce();
  if (introduction !== undefined) return introduction;
  throw new ConnectError("the node does not know its cluster yet", Code.Unavailable);
}
