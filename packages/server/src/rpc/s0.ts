// SPDX-License-Identifier: Apache-2.0
/**
 * Dialect S0: `atomix.election.LeaderElectionService` (semantics 4.1). The sessions that its calls are
 * made under stand in s0-sessions.ts, what clients ask before that in s0-directory.ts.
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type EventResponseSchema,
  type GetTermResponseSchema,
  LeaderElectionService,
  type RequestHeader,
  ResponseType,
  type TermSchema,
} from "@conclave/api/s0";
import {
  type DialectOperation,
  hasCreated,
  leaderFirst,
  type StreamMessage,
  type StrictNumbers,
  strictNumbersOf,
  type TermView,
} from "@conclave/fsm";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import type { PartitionReplica } from "../replica/partition-replica.ts";
import { dialectErrorOf, isDialectFailure } from "./dialect-failure.ts";
import type { DialectServices } from "./dialect-service.ts";
import {
  callOf,
  doneHeader,
  refusedHeader,
  runS0,
  type S0Call,
  type S0Refusal,
  type S0Services,
  s0Refusal,
} from "./s0-call.ts";
import { registerS0Directory } from "./s0-directory.ts";
import { registerS0Sessions } from "./s0-sessions.ts";
import { S0Streams, waitingMessages } from "./s0-streams.ts";
import { readTerm, termViewOf } from "./term-view.ts";

export function registerS0(router: ConnectRouter, services: DialectServices): void {
  const shared: S0Services = { ...services, waiting: { count: 0 } };
  router.service(LeaderElectionService, electionService(shared, new S0Streams(services.node)));
  registerS0Sessions(router, services);
  registerS0Directory(router, services);
}

type Verb = "enter" | "withdraw" | "anoint" | "promote" | "evict";

interface NamedRequest {
  readonly header?: RequestHeader | undefined;
  readonly candidateId: string;
}

function electionService(
  services: S0Services,
  streams: S0Streams,
): ServiceImpl<typeof LeaderElectionService> {
  const named =
    (kind: Verb) =>
    async ({ header, candidateId }: NamedRequest, context: HandlerContext) => {
      const call = callOf(services, header);
      const operation = { kind, key: call.key, candidate: candidateId };
      const outcome = await runS0(services, call, operation, context);
      if (outcome.kind === "s0-refusal") return { header: refusedHeader(call, outcome, context) };
      return { header: doneHeader(call, outcome), term: termOf(outcome.term) };
    };
  const bound =
    (kindOf: (request: { readonly delete?: boolean }) => "create" | "close" | "delete") =>
    async (
      request: { readonly header?: RequestHeader | undefined; readonly delete?: boolean },
      context: HandlerContext,
    ) => {
      const call = callOf(services, request.header, true);
      const isAtHome = call.partition.isHomeOf(call.key);
      const kind = isAtHome ? kindOf(request) : "pass";
      const outcome = await runS0(services, call, { kind, key: call.key }, context);
      if (outcome.kind === "s0-refusal") return { header: refusedHeader(call, outcome, context) };
      return { header: doneHeader(call, outcome) };
    };
  return {
    create: bound(() => "create"),
    close: bound((request) => (request.delete === true ? "delete" : "close")),
    enter: named("enter"),
    withdraw: named("withdraw"),
    anoint: named("anoint"),
    promote: named("promote"),
    evict: named("evict"),
    getTerm: ({ header }, context) => getTerm(services, callOf(services, header), header, context),
    async *events({ header }, context) {
      yield* events(services, streams, callOf(services, header), context);
    },
  };
}

/** A stream is opened in its turn; one that is open already is gone on with. */
async function* events(
  services: S0Services,
  streams: S0Streams,
  call: S0Call,
  context: HandlerContext,
): AsyncGenerator<MessageInitShape<typeof EventResponseSchema>> {
  const { partition, key, sessionId, number: streamId } = call;
  const operation: DialectOperation = { kind: "events", key };
  const name = { partition, sessionId, streamId };
  const outcome = await runS0(services, call, operation, context);
  // That its answer was acknowledged, and so forgotten, does not end a stream.
  const mayBeOpen = outcome.kind === "dialect-done" || outcome.reason === "already_answered";
  if (!mayBeOpen || waitingMessages(name) === undefined) {
    const refusal = outcome.kind === "s0-refusal" ? outcome : NO_STREAM;
    yield { header: refusedHeader(call, refusal, context) };
    return;
  }
  for await (const message of streams.follow(name, context.signal)) {
    yield eventOf(message);
  }
}

const NO_STREAM: S0Refusal = s0Refusal(
  "request_id: of another call, or of a stream that is closed",
);

/**
 * The state after all that the client knows of: the index that it has seen, and its own commands up
 * to `request_id` (4.1.3). A command that never comes is waited for as a later command would be.
 */
async function getTerm(
  services: DialectServices,
  call: S0Call,
  header: RequestHeader | undefined,
  context: HandlerContext,
): Promise<MessageInitShape<typeof GetTermResponseSchema>> {
  const { node, clock } = services;
  const { partition, key, sessionId, number, problem } = call;
  const refused = (message: string): MessageInitShape<typeof GetTermResponseSchema> => ({
    header: refusedHeader(call, s0Refusal(message), context),
  });
  if (problem !== undefined) return refused(problem);
  const giveUpAtMs = node.giveUpAtMs(context.timeoutMs());
  const read = await readTerm(partition, key, giveUpAtMs);
  if (isDialectFailure(read)) throw dialectErrorOf(read, "s0");
  const numbers = (): StrictNumbers | undefined => strictNumbersOf(partition.state, sessionId);
  const ttlMs = numbers()?.ttlMs;
  if (ttlMs === undefined) return refused("session not found");

  const isExecuted = (): boolean => (numbers()?.last ?? number) >= number;
  const gapEndsAtMs = clock.monotonicMs() + ttlMs;
  const isWhole = await untilApplied(services, partition, isExecuted, gapEndsAtMs, context);
  const isGivenUp = clock.monotonicMs() >= gapEndsAtMs;
  if (!isWhole && !isGivenUp) throw unavailable("this node is shutting down");
  const isReached = (): boolean => partition.state.index >= (header?.index ?? 0n);
  const isThere = await untilApplied(services, partition, isReached, giveUpAtMs, context);
  if (!isThere) throw unavailable("nobody has got to header.index yet");

  const { state } = partition;
  if (numbers() === undefined) return refused("session not found");
  if (number > 0 && !hasCreated(state, sessionId, key)) return refused("primitive not found");
  const term = termOf(termViewOf(partition.view(key)));
  return { header: { sessionId, index: state.index }, term };
}

function unavailable(message: string): ConnectError {
  return new ConnectError(message, Code.Unavailable);
}

/** Whether this node's replica got there before the time was over, the caller gone or the node stopping. */
function untilApplied(
  { node, clock }: DialectServices,
  partition: PartitionReplica,
  isReached: () => boolean,
  giveUpAtMs: number,
  { signal }: HandlerContext,
): Promise<boolean> {
  if (isReached()) return Promise.resolve(true);
  const remainingMs = giveUpAtMs - clock.monotonicMs();
  if (remainingMs <= 0) return Promise.resolve(false);
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  const release = [
    partition.onApplied(() => {
      if (isReached()) end();
    }),
    node.onShutdown(end),
    clock.setTimer(remainingMs, end),
    () => signal.removeEventListener("abort", end),
  ];
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  return ended.then(() => {
    for (const stop of release) stop();
    return isReached();
  });
}

function eventOf(message: StreamMessage): MessageInitShape<typeof EventResponseSchema> {
  const { sessionId, streamId, responseId, index, type, term } = message;
  const header = {
    sessionId,
    streamId: BigInt(streamId),
    responseId: BigInt(responseId),
    index,
    type: TYPES[type],
  };
  return term === undefined ? { header } : { header, term: termOf(term) };
}

const TYPES: Readonly<Record<StreamMessage["type"], ResponseType>> = {
  open: ResponseType.OPEN_STREAM,
  event: ResponseType.RESPONSE,
  close: ResponseType.CLOSE_STREAM,
};

/** The time is when the leader took office, the last one where the office is vacant. */
function termOf(view: TermView): MessageInitShape<typeof TermSchema> {
  const { term: id, leader, candidates } = leaderFirst(view);
  const { sinceMs } = view;
  const term = { id, leader, candidates: [...candidates] };
  return sinceMs === undefined ? term : { ...term, timestamp: timestampFromMs(sinceMs) };
}
