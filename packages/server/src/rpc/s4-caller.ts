// SPDX-License-Identifier: Apache-2.0
/** Who calls in S4, about what, and under which number: what the header and the connection tell. */

import type { RequestHeader } from "@conclave/api/s4";
import type { CallOrder, PrimitiveKey } from "@conclave/fsm";
import type { HandlerContext } from "@connectrpc/connect";
import type { Carrier } from "./carrier-sessions.ts";
import type { Patience } from "./commands.ts";
import { connectionKey } from "./connection-context.ts";
import { dialectErrorOf, dialectFailure } from "./dialect-failure.ts";
import { type DialectServices, keyIn, patienceOf } from "./dialect-service.ts";

export interface Caller {
  readonly key: PrimitiveKey;
  /** Its client_id, or its connection's name; undefined where it has neither. */
  readonly participant: string | undefined;
  readonly carrier: Carrier;
  readonly order: CallOrder;
  readonly patience: Patience;
}

export interface Callers {
  /** Of a call of LeaderLatchService, which says of itself that it is about a latch. */
  latching(header: RequestHeader | undefined, context: HandlerContext): Caller;
  /** Of a call of PrimitiveService, which is about the type that it names. */
  ofPrimitive(header: RequestHeader | undefined, context: HandlerContext): Caller;
}

const LATCH = "LeaderLatch";

/** The callers of a node. Throws what a header lacks, across the service's door. */
export function callersOf(services: DialectServices): Callers {
  const { node, sessions, drawSessionId } = services;
  // Connections are numbered from one again when a node is started again, before those that it had
  // have left the lists.
  const start = BigInt.asUintN(32, drawSessionId()).toString(16);
  const callerOf = (
    header: RequestHeader | undefined,
    context: HandlerContext,
    type: string | undefined,
  ): Caller => {
    const name = header?.primitiveId?.name ?? "";
    if (header === undefined || name === "") throw invalid("header.primitive_id.name is missing");
    if (type !== LATCH) throw invalid(`header.primitive_id.type is not ${LATCH}`);
    const { clientId, requestId } = header;
    const connection = context.values.get(connectionKey);
    const ofConnection =
      connection?.isShared === true
        ? `connection ${node.cluster.node}-${start}-${connection.id}`
        : undefined;
    const participant = clientId === "" ? ofConnection : clientId;
    const nativeSession = context.requestHeader.get("session-id") ?? undefined;
    const carrier: Carrier = { dialect: "s4", connection, name: participant ?? "", nativeSession };
    // Whatever it calls about, a participant that calls lives (semantics A4).
    sessions.find(carrier);
    return {
      key: keyIn(services, "s4", name),
      participant,
      carrier,
      order: requestId === 0n ? { kind: "free" } : { kind: "once", number: requestId },
      patience: patienceOf(node, context),
    };
  };
  return {
    latching: (header, context) => callerOf(header, context, header?.primitiveId?.type || LATCH),
    ofPrimitive: (header, context) => callerOf(header, context, header?.primitiveId?.type),
  };
}

function invalid(message: string): Error {
  return dialectErrorOf(dialectFailure("invalid", message), "s4");
}
