// SPDX-License-Identifier: Apache-2.0
/**
 * S1: atomix.multiraft.election.v1.LeaderElection, the data plane of the multi-Raft driver, and what
 * stands beside it, atomix.multiraft.v1.Session and Partition (semantics 4.2, A3, A5).
 *
 * A session's calls are numbered, and each is executed once. What an election refuses is said in the
 * answer's headers; a gRPC status is for what concerns the session, and for what may be tried again.
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type ClosePrimitiveRequest,
  type ClosePrimitiveResponseSchema,
  type CommandRequestHeaders,
  type CommandResponseHeadersSchema,
  type CreatePrimitiveRequest,
  type CreatePrimitiveResponseSchema,
  type GetTermRequest,
  type GetTermResponseSchema,
  LeaderElection,
  Session,
  type TermSchema,
  type WatchRequest,
  type WatchResponseSchema,
} from "@conclave/api/s1";
import {
  type DialectOperation,
  leaderApart,
  type PrimitiveKey,
  type TermView,
} from "@conclave/fsm";
import type { ConnectRouter, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Patience } from "./commands.ts";
import { type CallOutcome, callDialect } from "./dialect-call.ts";
import {
  type DialectFailure,
  dialectErrorOf,
  dialectFailure,
  failureOfDialectRefusal,
  isDialectFailure,
} from "./dialect-failure.ts";
import { type DialectServices, keyIn, patienceOf } from "./dialect-service.ts";
import { barrier } from "./read-barrier.ts";
import {
  commandHeaders,
  commandPlaceOf,
  type NumberedPlace,
  operationHeaders,
  type QueryPlace,
  queryPlaceOf,
} from "./s1-headers.ts";
import {
  answerBefore,
  elsewhereId,
  isElsewhere,
  knownPrimitive,
  primitiveOf,
  strangerOf,
} from "./s1-primitive.ts";
import { registerS1Sessions } from "./s1-sessions.ts";
import { S1Watches } from "./s1-watches.ts";
import { termViewOf } from "./term-view.ts";
import { watchTerms } from "./term-watch.ts";

export function registerS1(router: ConnectRouter, services: DialectServices): void {
  router.service(LeaderElection, electionService(services, new S1Watches()));
  router.service(Session, primitiveService(services));
  registerS1Sessions(router, services);
}

function electionService(
  services: DialectServices,
  watches: S1Watches,
): ServiceImpl<typeof LeaderElection> {
  return {
    enter: (request, context) => command(services, "enter", request, context),
    withdraw: (request, context) => command(services, "withdraw", request, context),
    anoint: (request, context) => command(services, "anoint", request, context),
    promote: (request, context) => command(services, "promote", request, context),
    demote: (request, context) => command(services, "demote", request, context),
    evict: (request, context) => command(services, "evict", request, context),
    getTerm: (request, context) => getTerm(services, request, context),
    watch: (request, context) => watch(services, watches, request, context),
  };
}

function primitiveService(services: DialectServices): ServiceImpl<typeof Session> {
  return {
    createPrimitive: (request, context) => createPrimitive(services, request, context),
    closePrimitive: (request, context) => closePrimitive(services, request, context),
  };
}

interface VerbRequest {
  readonly headers?: CommandRequestHeaders | undefined;
  readonly input?: { readonly candidate: string } | undefined;
}

interface VerbAnswer {
  readonly headers: MessageInitShape<typeof CommandResponseHeadersSchema>;
  readonly output?: { readonly term: MessageInitShape<typeof TermSchema> };
}

/** What is served as an election, in the words of the runtime and of this very package. */
const ELECTIONS: ReadonlySet<string> = new Set([
  "atomix.runtime.election.v1.LeaderElection",
  "atomix.multiraft.election.v1.LeaderElection",
]);
/** Calls on the data have one output each. */
const OUTPUT = 1n;
/** For a call that passes: it is about a primitive that is not here. */
const NOTHING: PrimitiveKey = { kind: "election", namespace: "default", name: "elsewhere" };

/** The answers of all verbs are alike. */
async function command(
  { node }: DialectServices,
  kind: "enter" | "withdraw" | "anoint" | "promote" | "demote" | "evict",
  { headers, input }: VerbRequest,
  context: HandlerContext,
): Promise<VerbAnswer> {
  const place = commandPlaceOf(node, headers);
  const candidate = input?.candidate ?? "";
  const operationOn = (key: PrimitiveKey): DialectOperation => ({ kind, key, candidate });
  const outcome = await callOnPrimitive(place, operationOn, patienceOf(node, context));
  if (isDialectFailure(outcome)) {
    return { headers: commandHeaders(place.partition.state.index, OUTPUT, inBand(outcome)) };
  }
  return { headers: commandHeaders(outcome.index, OUTPUT), output: { term: termOf(outcome.term) } };
}

async function getTerm(
  { node }: DialectServices,
  { headers }: GetTermRequest,
  context: HandlerContext,
): Promise<MessageInitShape<typeof GetTermResponseSchema>> {
  const place = queryPlaceOf(node, headers);
  const { partition, maxReceivedIndex } = place;
  const unread = await barrier(partition, patienceOf(node, context).giveUpAtMs);
  // Everything that anybody has been told of is applied here by now.
  const isAhead = maxReceivedIndex > partition.state.index;
  const found = unread ?? (isAhead ? NEVER_TOLD : knownPrimitive(place));
  if (isDialectFailure(found)) {
    return { headers: { operation: operationHeaders(partition.state.index, inBand(found)) } };
  }
  const term = termOf(termViewOf(partition.view(found)));
  return { headers: { operation: operationHeaders(partition.state.index) }, output: { term } };
}

/**
 * Nothing first, then each state after a change, until the caller goes; or its session ends or closes
 * the primitive, and what that changes is told.
 */
async function* watch(
  services: DialectServices,
  watches: S1Watches,
  { headers }: WatchRequest,
  context: HandlerContext,
): AsyncGenerator<MessageInitShape<typeof WatchResponseSchema>> {
  const { node } = services;
  const place = queryPlaceOf(node, headers);
  const { partition } = place;
  const { giveUpAtMs } = patienceOf(node, context);
  const key = (await hindranceOf(place, giveUpAtMs)) ?? knownPrimitive(place);
  if (isDialectFailure(key)) {
    yield { headers: { operation: operationHeaders(partition.state.index, inBand(key)) } };
    return;
  }
  // What changes while the watch begins is news as well.
  let last = termViewOf(partition.view(key));
  const { ending, leave } = watches.hold(place, context.signal);
  try {
    for await (const term of watchTerms(services, key, "s1", context.signal, ending)) {
      if (isSame(term, last)) continue;
      last = term;
      const operation = operationHeaders(partition.state.index);
      yield { headers: { operation }, output: { term: termOf(term) } };
    }
  } finally {
    leave();
  }
}

/** Why a watch cannot begin, as far as it takes time to know. */
async function hindranceOf(
  place: QueryPlace,
  giveUpAtMs: number,
): Promise<DialectFailure | undefined> {
  const { partition, maxReceivedIndex } = place;
  if (maxReceivedIndex > partition.state.index) {
    const unread = await barrier(partition, giveUpAtMs);
    if (unread !== undefined) return unread;
    if (maxReceivedIndex > partition.state.index) return NEVER_TOLD;
  }
  const found = await primitiveOf(place, giveUpAtMs);
  return isDialectFailure(found) ? found : undefined;
}

async function createPrimitive(
  services: DialectServices,
  { headers, input }: CreatePrimitiveRequest,
  context: HandlerContext,
): Promise<MessageInitShape<typeof CreatePrimitiveResponseSchema>> {
  const { node } = services;
  const place = commandPlaceOf(node, headers);
  const { partition } = place;
  const { service = "", namespace = "", name = "" } = input?.spec ?? {};
  if (!ELECTIONS.has(service)) {
    return { headers: commandHeaders(partition.state.index, 0n, inBand(UNKNOWN_TYPE)) };
  }
  const key = keyIn(services, "s1", name, namespace);
  const isHome = partition.isHomeOf(key);
  const operation = { kind: isHome ? "create" : "pass", key } as const;
  const outcome = await callIn(place, operation, patienceOf(node, context));
  if (isDialectFailure(outcome)) {
    return { headers: commandHeaders(partition.state.index, 0n, inBand(outcome)) };
  }
  const { index } = outcome;
  const primitiveId = isHome ? outcome.primitiveId : elsewhereId(node.homeOf(key).number, index);
  return { headers: commandHeaders(index, 0n), output: { primitiveId } };
}

async function closePrimitive(
  { node }: DialectServices,
  { headers, input }: ClosePrimitiveRequest,
  context: HandlerContext,
): Promise<MessageInitShape<typeof ClosePrimitiveResponseSchema>> {
  const place = { ...commandPlaceOf(node, headers), primitiveId: input?.primitiveId ?? 0n };
  const patience = patienceOf(node, context);
  const outcome = isElsewhere(place.primitiveId)
    ? await callIn(place, { kind: "pass", key: NOTHING }, patience)
    : await callOnPrimitive(place, (key) => ({ kind: "close", key }), patience);
  if (isDialectFailure(outcome)) {
    return { headers: commandHeaders(place.partition.state.index, 0n, inBand(outcome)) };
  }
  return { headers: commandHeaders(outcome.index, 0n), output: {} };
}

/** A call on a primitive that the session has created, or its answer from before it was closed. */
async function callOnPrimitive(
  place: NumberedPlace,
  operationOn: (key: PrimitiveKey) => DialectOperation,
  patience: Patience,
): Promise<CallOutcome> {
  const key = await primitiveOf(place, patience.giveUpAtMs);
  if (!isDialectFailure(key)) return await callIn(place, operationOn(key), patience);
  const before = answerBefore(place);
  if (before?.kind === "refused") return failureOfDialectRefusal(before);
  return before?.kind === "dialect-done" ? before : key;
}

async function callIn(
  place: NumberedPlace,
  operation: DialectOperation,
  patience: Patience,
): Promise<CallOutcome> {
  // Or whoever makes ids up would fill the log.
  const stranger = await strangerOf(place, patience.giveUpAtMs);
  if (stranger !== undefined) return stranger;
  const { partition, sessionId, number } = place;
  const order = { kind: "set", number } as const;
  return await callDialect(
    partition,
    { kind: "dialect-call", sessionId, order, operation },
    patience,
  );
}

/** What is said within the answer; throws what concerns the session, or may be tried again. */
function inBand(failure: DialectFailure): DialectFailure {
  const { cause, message, refusal } = failure;
  // The next KeepAlive makes room, and nothing has happened.
  if (refusal === "too_many_unacknowledged") {
    throw dialectErrorOf(dialectFailure("unavailable", message), "s1");
  }
  const isSessions = refusal?.startsWith("session_") === true;
  if (isSessions || cause === "unavailable" || cause === "timeout")
    throw dialectErrorOf(failure, "s1");
  return failure;
}

function termOf(view: TermView): MessageInitShape<typeof TermSchema> {
  const { leader, candidates, term } = leaderApart(view);
  return { leader, candidates: [...candidates], index: term };
}

function isSame(a: TermView, b: TermView): boolean {
  if (a.term !== b.term || a.candidates.length !== b.candidates.length) return false;
  return a.candidates.every((name, place) => name === b.candidates[place]);
}

const UNKNOWN_TYPE: DialectFailure = dialectFailure("forbidden", "unknown primitive type");
const NEVER_TOLD: DialectFailure = dialectFailure(
  "invalid",
  "max_received_index: this partition has not got so far, so nobody was told of it",
);
