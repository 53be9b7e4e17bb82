// SPDX-License-Identifier: Apache-2.0
/**
 * S4: atomix.primitive.leader.LeaderLatchService, and what its primitives share with others,
 * atomix.primitive.PrimitiveService (semantics 2.3, 4.5, A2, A4).
 *
 * A participant is called by its client_id, which is its session too; one that brings none is called
 * after its connection. To latch is to enter, to close is to leave.
 */

import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  EventsOutput_Type,
  type EventsResponse,
  EventsResponseSchema,
  type Latch,
  LatchSchema,
  LeaderLatchService,
  PrimitiveService,
  type ResponseHeader,
  ResponseHeaderSchema,
  ResponseType,
  type Snapshot,
} from "@conclave/api/s4";
import {
  type DialectDone,
  type DialectOperation,
  defaultLimits,
  leaderFirst,
  type TermView,
} from "@conclave/fsm";
import type { ConnectRouter, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { callDialect } from "./dialect-call.ts";
import {
  type DialectFailure,
  dialectErrorOf,
  dialectFailure,
  isDialectFailure,
} from "./dialect-failure.ts";
import { type DialectServices, doneOf } from "./dialect-service.ts";
import { type Caller, type Callers, callersOf } from "./s4-caller.ts";
import { sessionFor, sessionIfAny } from "./session-calls.ts";
import { watchInSession } from "./session-watch.ts";
import { readTerm } from "./term-view.ts";

export function registerS4(router: ConnectRouter, services: DialectServices): void {
  const callers = callersOf(services);
  router.service(LeaderLatchService, latchService(services, callers));
  router.service(PrimitiveService, primitiveService(services, callers));
}

function latchService(
  services: DialectServices,
  callers: Callers,
): ServiceImpl<typeof LeaderLatchService> {
  return {
    latch: async ({ header }, context) => {
      const caller = callers.latching(header, context);
      const { key } = caller;
      const candidate = participantOf(caller);
      const done = await underSession(services, caller, { kind: "enter", key, candidate });
      return { header: RESPONSE, output: { latch: latchOf(done.term) } };
    },
    get: async ({ header }, context) => {
      const caller = callers.latching(header, context);
      return { header: RESPONSE, output: { latch: latchOf(await read(services, caller)) } };
    },
    events: ({ header }, context) => events(services, callers.latching(header, context), context),
    snapshot: async ({ header }, context) => {
      const caller = callers.latching(header, context);
      return { header: RESPONSE, snapshot: { latch: latchOf(await read(services, caller)) } };
    },
    restore: async ({ header, snapshot }, context) => {
      await restore(services, callers.latching(header, context), snapshot);
      return { header: RESPONSE };
    },
  };
}

function primitiveService(
  services: DialectServices,
  callers: Callers,
): ServiceImpl<typeof PrimitiveService> {
  return {
    create: async ({ header }, context) => {
      const caller = callers.ofPrimitive(header, context);
      await byName(services, caller, { kind: "create", key: caller.key });
      return { header: RESPONSE };
    },
    close: async ({ header }, context) => {
      await leave(services, callers.ofPrimitive(header, context));
      return { header: RESPONSE };
    },
    delete: async ({ header }, context) => {
      const caller = callers.ofPrimitive(header, context);
      const { changed } = await byName(services, caller, { kind: "delete", key: caller.key });
      if (!changed) throw errorOf(dialectFailure("not-found", "no such primitive"));
      return { header: RESPONSE };
    },
  };
}

/** Whoever latches is in the list for as long as its session lives. */
async function underSession(
  services: DialectServices,
  { carrier, order, patience }: Caller,
  operation: DialectOperation,
): Promise<DialectDone> {
  const session = sessionFor(services, carrier);
  return doneOf(await session.call(operation, patience, order), "s4");
}

/** All but to latch goes by name, whoever asks, and opens no session where it has no number (A1, A2). */
async function byName(
  services: DialectServices,
  caller: Caller,
  operation: DialectOperation,
): Promise<DialectDone> {
  const { order, patience } = caller;
  if (order.kind !== "free") return underSession(services, caller, operation);
  const call = { kind: "dialect-call", sessionId: 0n, order, operation } as const;
  const home = services.node.homeOf(operation.key);
  return doneOf(await callDialect(home, call, patience), "s4");
}

/** By name, whichever node its session is at. A session that is known by numbers is kept for them. */
async function leave(services: DialectServices, caller: Caller): Promise<void> {
  const { key, carrier, order } = caller;
  const candidate = participantOf(caller);
  await byName(services, caller, { kind: "withdraw", key, candidate });
  if (order.kind === "free") services.sessions.left(carrier, key);
}

async function read({ node }: DialectServices, { key, patience }: Caller): Promise<TermView> {
  const term = await readTerm(node.homeOf(key), key, patience.giveUpAtMs);
  if (isDialectFailure(term)) throw errorOf(term);
  return term;
}

/** Says that it stands, then each state that comes after. */
async function* events(
  services: DialectServices,
  { key, carrier }: Caller,
  context: HandlerContext,
): AsyncGenerator<EventsResponse> {
  const session = sessionIfAny(services, carrier);
  let isOpen = false;
  for await (const term of watchInSession(services, "s4", key, context, session)) {
    yield isOpen ? changeOf(term) : create(EventsResponseSchema, { header: STREAM, output: {} });
    isOpen = true;
  }
}

/** An absent snapshot or latch is an empty one. */
async function restore(
  services: DialectServices,
  caller: Caller,
  snapshot: Snapshot | undefined,
): Promise<void> {
  const { key } = caller;
  const { clock, sessions, drawSessionId, options } = services;
  const { meta, leader = "", participants = [] } = snapshot?.latch ?? {};
  // Before a session is drawn for each.
  if (participants.length > PARTICIPANTS_MAX) {
    throw errorOf(dialectFailure("invalid", `participants: at most ${PARTICIPANTS_MAX}`));
  }
  const restored = participants.map((candidate) => ({
    candidate,
    sessionId: sessions.idOf("s4", candidate) ?? drawSessionId(),
    ttlMs: options.graceMs,
  }));
  const sentMs = clock.monotonicMs();
  await byName(services, caller, {
    kind: "restore",
    key,
    term: meta?.revision?.num ?? 0n,
    ...(leader === "" ? {} : { leader }),
    participants: restored,
  });
  for (const { candidate: name, sessionId } of restored) {
    sessions.adopt({ dialect: "s4", name, sessionId, key, sentMs });
  }
}

const PARTICIPANTS_MAX = defaultLimits.candidatesPerElectionMax;

function participantOf({ participant }: Caller): string {
  if (participant === undefined) {
    throw errorOf(dialectFailure("invalid", "header.client_id is missing"));
  }
  return participant;
}

function changeOf(term: TermView): EventsResponse {
  const output = { type: EventsOutput_Type.CHANGE, latch: latchOf(term) };
  return create(EventsResponseSchema, { header: RESPONSE, output });
}

/** Never without `meta` and `revision`, which clients do not look for before they use them. */
function latchOf(view: TermView): Latch {
  const { term, leader, candidates } = leaderFirst(view);
  const { changedMs } = view;
  const revision = { num: term };
  return create(LatchSchema, {
    meta: changedMs === undefined ? { revision } : { revision, timestamp: timestampOf(changedMs) },
    leader,
    participants: [...candidates],
  });
}

function timestampOf(ms: number): {
  readonly case: "physicalTimestamp";
  readonly value: { readonly time: Timestamp };
} {
  return { case: "physicalTimestamp", value: { time: timestampFromMs(ms) } };
}

function errorOf(failure: DialectFailure): Error {
  return dialectErrorOf(failure, "s4");
}

const RESPONSE: ResponseHeader = create(ResponseHeaderSchema, {
  responseType: ResponseType.RESPONSE,
});

const STREAM: ResponseHeader = create(ResponseHeaderSchema, {
  responseType: ResponseType.RESPONSE_STREAM,
});
