// SPDX-License-Identifier: Apache-2.0
/**
 * S2: atomix.election.v1.LeaderElection. Metadata names the primitive and the session; a term is the
 * whole list and the time since when its first leads (semantics 2.2, 4.3, A5).
 *
 * Its messages have no number for the term, which therefore goes with the answer as metadata.
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Event_Type, LeaderElection, type TermSchema } from "@conclave/api/s2";
import { leaderFirst, type PrimitiveKey, type TermView } from "@conclave/fsm";
import type { ConnectRouter, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Carrier } from "./carrier-sessions.ts";
import { connectionKey } from "./connection-context.ts";
import { dialectErrorOf, dialectFailure, isDialectFailure } from "./dialect-failure.ts";
import { checkKey } from "./dialect-key.ts";
import {
  callByName,
  type DialectServices,
  doneOf,
  keyIn,
  type NamedVerb,
  patienceOf,
} from "./dialect-service.ts";
import { closeIn, createIn, sessionFor, sessionIfAny } from "./session-calls.ts";
import { watchInSession } from "./session-watch.ts";
import { readTerm } from "./term-view.ts";

export function registerS2(router: ConnectRouter, services: DialectServices): void {
  router.service(LeaderElection, leaderElection(services));
}

function leaderElection(services: DialectServices): ServiceImpl<typeof LeaderElection> {
  const { node } = services;
  const byName = async (kind: NamedVerb, candidate: string, context: HandlerContext) => {
    const patience = patienceOf(node, context);
    const key = keyOf(services, context);
    const done = doneOf(await callByName(services, kind, key, candidate, patience), "s2");
    return { term: answerTerm(done.term, context) };
  };
  return {
    async create(_request, context) {
      const key = keyOf(services, context);
      await createIn(services, carrierOf(context), key, patienceOf(node, context));
      return {};
    },
    async close(_request, context) {
      const key = keyOf(services, context);
      await closeIn(services, carrierOf(context), key, patienceOf(node, context));
      return {};
    },
    async enter({ candidateId: candidate }, context) {
      const key = keyOf(services, context);
      const session = sessionFor(services, carrierOf(context));
      const outcome = await session.call(
        { kind: "enter", key, candidate },
        patienceOf(node, context),
      );
      return { term: answerTerm(doneOf(outcome, "s2").term, context) };
    },
    withdraw: ({ candidateId }, context) => byName("withdraw", candidateId, context),
    anoint: ({ candidateId }, context) => byName("anoint", candidateId, context),
    promote: ({ candidateId }, context) => byName("promote", candidateId, context),
    evict: ({ candidateId }, context) => byName("evict", candidateId, context),
    async getTerm(_request, context) {
      const key = keyOf(services, context);
      const { giveUpAtMs } = patienceOf(node, context);
      const view = await readTerm(node.homeOf(key), key, giveUpAtMs);
      if (isDialectFailure(view)) throw dialectErrorOf(view, "s2");
      return { term: answerTerm(view, context) };
    },
    async *events(_request, context) {
      const key = keyOf(services, context);
      const session = sessionIfAny(services, carrierOf(context));
      // The client waits for a first message and drops it where it says that nothing has changed.
      let type = Event_Type.NONE;
      for await (const view of watchInSession(services, "s2", key, context, session)) {
        const isFirst = type === Event_Type.NONE;
        yield { event: { type, term: isFirst ? answerTerm(view, context) : termOf(view) } };
        type = Event_Type.CHANGED;
      }
    },
  };
}

function keyOf(services: DialectServices, { requestHeader }: HandlerContext): PrimitiveKey {
  const name = requestHeader.get("primitive-id") ?? "";
  if (name === "") {
    const message = "missing Primitive-ID header in metadata";
    throw dialectErrorOf(dialectFailure("invalid", message), "s2");
  }
  const key = keyIn(services, "s2", name, requestHeader.get("application-id") ?? "");
  const problem = checkKey(key);
  if (problem !== undefined) throw dialectErrorOf(problem, "s2");
  return key;
}

/** Where a connection is no session, its `session-id` is one that was opened natively (A2). */
function carrierOf({ requestHeader, values }: HandlerContext): Carrier {
  const connection = values.get(connectionKey);
  const name = requestHeader.get("session-id") ?? "";
  if (connection?.isShared === true) {
    return { dialect: "s2", connection, name, nativeSession: undefined };
  }
  return { dialect: "s2", connection, name: "", nativeSession: name === "" ? undefined : name };
}

/** The term for the message; its number goes with the headers, which are not sent yet. */
function answerTerm(view: TermView, { responseHeader }: HandlerContext): TermInit {
  responseHeader.set("conclave-term", view.term.toString());
  return termOf(view);
}

type TermInit = MessageInitShape<typeof TermSchema>;

/** Clients read the timestamp without looking whether it is there: so before any office, 1970. */
function termOf(view: TermView): TermInit {
  const { leader, candidates } = leaderFirst(view);
  const time = timestampFromMs(view.sinceMs ?? 0);
  return {
    leaderId: leader,
    candidates: [...candidates],
    timestamp: { timestamp: { case: "physicalTimestamp", value: { time } } },
  };
}
