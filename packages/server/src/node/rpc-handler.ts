// SPDX-License-Identifier: Apache-2.0
/**
 * Puts Connect's services behind Node's requests: Connect, gRPC and gRPC-web for every one of them.
 *
 * Instead of connect-node's own adapter, which lets a request without a usable authority throw out
 * of the event that brought it, and so end the process, and which limits all methods alike.
 */

import { constants } from "node:http2";
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { SessionService } from "@conclave/api";
import type { Clock } from "@conclave/base";
import { type ConnectRouter, createConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { Connections, PortRequest, PortResponse } from "./connections.ts";
import { isPlain, type PlainDoor, pathTo } from "./plain-stream.ts";

export interface RpcHandlerOptions {
  /** Registers the services. Those of `serviceLimits` are limited by it. */
  readonly routes: (router: ConnectRouter, registered: RegisteredServices) => void;
  readonly connections: Connections;
  readonly clock: Clock;
  /** Methods of those services that the router serves only where they do not come plainly. */
  readonly doors?: readonly PlainDoor[];
}

/** What the router holds; complete once all routes are registered. */
interface RegisteredServices {
  all(): readonly DescService[];
  isRegistered(typeName: string): boolean;
}

/** The largest message of a call that carries one request: design section 4. */
export const UNARY_BYTES_MAX: number = 64 * 1024;
/** The largest frame of a stream of requests, and the largest request of a dialect. */
export const FRAME_BYTES_MAX: number = 1024 * 1024;

/** How long a client may keep its half of a stream open that has its answer. */
const HALF_OPEN_MS = 1_000;

/** Answers a request if it is for a service, else returns false and leaves it alone. */
export type RpcHandler = (request: PortRequest, response: PortResponse) => boolean;

export function createRpcHandler(options: RpcHandlerOptions): RpcHandler {
  const router = createLimitedRouter();
  const services = (): readonly DescService[] => [
    ...new Set(router.handlers.map((handler) => handler.service)),
  ];
  options.routes(router, {
    all: services,
    isRegistered: (typeName) => services().some((service) => service.typeName === typeName),
  });
  const { connections, clock } = options;
  const doors = new Map(options.doors?.map((door) => [pathTo(door.method), door]));
  const byPath = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  return (request, response) => {
    const handler = byPath.get(pathOf(request));
    if (handler === undefined) return false;
    endRequestAfterAnswer(request, clock);
    const door = doors.get(handler.requestPath);
    if (door === undefined || !isPlain(request)) {
      void serve(handler, request, response, connections);
    } else {
      door.serve(request.stream, connections.of(request));
    }
    return true;
  };
}

export function pathOf(request: PortRequest): string {
  return request.url?.split("?", 1)[0] ?? "";
}

/** A router that gives every method the limit of its kind, unless the service brings its own. */
function createLimitedRouter(): ConnectRouter {
  // No `shutdownSignal`: every open call would add a listener to it, and adding one takes a walk over
  // all. Streams are ended by what serves them.
  const base = { acceptCompression: [compressionGzip, compressionBrotli] };
  // A router's limit holds for whole services, so each service goes on both routers and each of
  // its methods is taken from one. Clients of the older protocols never had a limit as small as ours.
  const single = createConnectRouter({ ...base, readMaxBytes: UNARY_BYTES_MAX });
  const frames = createConnectRouter({ ...base, readMaxBytes: FRAME_BYTES_MAX });
  const limited: ConnectRouter = {
    get handlers() {
      return [
        ...single.handlers.filter((handler) => !takesLargeRequests(handler.method)),
        ...frames.handlers.filter((handler) => takesLargeRequests(handler.method)),
      ];
    },
    service(service, implementation, serviceOptions) {
      for (const router of [single, frames])
        router.service(service, implementation, serviceOptions);
      return limited;
    },
    rpc(method, implementation, methodOptions) {
      for (const router of [single, frames]) router.rpc(method, implementation, methodOptions);
      return limited;
    },
  };
  return limited;
}

function takesLargeRequests(method: DescMethod): boolean {
  if (method.parent.typeName.startsWith("atomix.")) return true;
  // What an Attach stream says in many frames, Listen says in one.
  if (method === SessionService.method.listen) return true;
  return method.methodKind === "bidi_streaming" || method.methodKind === "client_streaming";
}

async function serve(
  handler: UniversalHandler,
  request: PortRequest,
  response: PortResponse,
  connections: Connections,
): Promise<void> {
  try {
    const values = connections.contextValues(request);
    const universal = universalRequestFromNodeRequest(request, response, undefined, values);
    await universalResponseToNodeResponse(await handler(universal), response);
  } catch {
    // Errors of a method have become its answer long before. What is left is a request that cannot
    // be read as one (no authority, a Host that is no host), or a peer that went away; only the
    // first still hears this.
    if (!response.headersSent) response.writeHead(400);
    response.end();
  }
}

/**
 * Ends the client's half of a stream that has had its whole answer for a while (RFC 9113 section
 * 8.1): a client of Attach may keep its half open for ever, and its connection could not close. Not
 * at once, since clients take a reset for an error where they were about to end by themselves.
 */
function endRequestAfterAnswer(request: PortRequest, clock: Clock): void {
  if (!("stream" in request)) return;
  const { stream } = request;
  // The stream's own event: that of the response comes only when both halves are closed.
  stream.once("finish", () => {
    if (request.complete) return;
    const cancelTimer = clock.setTimer(HALF_OPEN_MS, () =>
      stream.close(constants.NGHTTP2_NO_ERROR),
    );
    stream.once("close", cancelTimer);
  });
}
