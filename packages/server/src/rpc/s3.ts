// SPDX-License-Identifier: Apache-2.0
/**
 * S3: atomix.runtime.election.v1, LeaderElections and the data plane LeaderElection with its
 * deprecated Create and Close. A term is its number, the leader, and those who wait (semantics 2.4,
 * 4.4, A5).
 *
 * The original ran beside its one application, and its process was the session; here a connection
 * is.
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type CloseRequest,
  type CreateRequest,
  LeaderElection,
  LeaderElections,
  type PrimitiveID,
  type TermSchema,
} from "@conclave/api/s3";
import { leaderApart, type PrimitiveKey, type TermView } from "@conclave/fsm";
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
import { S3References } from "./s3-references.ts";
import { closeIn, createIn, sessionFor, sessionIfAny } from "./session-calls.ts";
import { watchInSession } from "./session-watch.ts";
import { readTerm } from "./term-view.ts";

export function registerS3(router: ConnectRouter, services: DialectServices): void {
  const elections = leaderElections(services);
  router.service(LeaderElections, elections);
  router.service(LeaderElection, { ...leaderElection(services), ...elections });
}

type Elections = ServiceImpl<typeof LeaderElections>;

function leaderElections(services: DialectServices): Elections {
  const { node, options } = services;
  const references = new S3References();
  return {
    // Tags chose among stores; there is one.
    async create({ id }: CreateRequest, context: HandlerContext) {
      const key = keyOf(services, id);
      const carrier = carrierOf(context);
      await createIn(services, carrier, key, patienceOf(node, context));
      references.add(carrier, key);
      return { config: { cache: { enabled: options.isCacheEnabled } } };
    },
    async close({ id }: CloseRequest, context: HandlerContext) {
      const key = keyOf(services, id);
      const carrier = carrierOf(context);
      if (references.isLast(carrier, key)) {
        await closeIn(services, carrier, key, patienceOf(node, context));
      }
      references.drop(carrier, key);
      return {};
    },
  };
}

function leaderElection(
  services: DialectServices,
): Omit<ServiceImpl<typeof LeaderElection>, keyof Elections> {
  const { node } = services;
  const byName = async (
    kind: NamedVerb,
    request: { readonly id?: PrimitiveID | undefined; readonly candidate: string },
    context: HandlerContext,
  ) => {
    const key = keyOf(services, request.id);
    const patience = patienceOf(node, context);
    const outcome = await callByName(services, kind, key, request.candidate, patience);
    return { term: termOf(doneOf(outcome, "s3").term) };
  };
  return {
    async enter({ id, candidate }, context) {
      const key = keyOf(services, id);
      const session = sessionFor(services, carrierOf(context));
      const outcome = await session.call(
        { kind: "enter", key, candidate },
        patienceOf(node, context),
      );
      return { term: termOf(doneOf(outcome, "s3").term) };
    },
    withdraw: (request, context) => byName("withdraw", request, context),
    anoint: (request, context) => byName("anoint", request, context),
    promote: (request, context) => byName("promote", request, context),
    demote: (request, context) => byName("demote", request, context),
    evict: (request, context) => byName("evict", request, context),
    async getTerm({ id }, context) {
      const key = keyOf(services, id);
      const { giveUpAtMs } = patienceOf(node, context);
      const view = await readTerm(node.homeOf(key), key, giveUpAtMs);
      if (isDialectFailure(view)) throw dialectErrorOf(view, "s3");
      return { term: termOf(view) };
    },
    async *watch({ id }, context) {
      const key = keyOf(services, id);
      const session = sessionIfAny(services, carrierOf(context));
      let isFirst = true;
      for await (const view of watchInSession(services, "s3", key, context, session)) {
        // Of an election that was never led nothing is said before that changes.
        if (!isFirst || view.term > 0n) yield { term: termOf(view) };
        isFirst = false;
      }
    },
  };
}

function keyOf(services: DialectServices, id: PrimitiveID | undefined): PrimitiveKey {
  if (id === undefined || id.name === "") {
    throw dialectErrorOf(dialectFailure("invalid", "id.name: must be set"), "s3");
  }
  const key = keyIn(services, "s3", id.name);
  const problem = checkKey(key);
  if (problem !== undefined) throw dialectErrorOf(problem, "s3");
  return key;
}

function carrierOf({ requestHeader, values }: HandlerContext): Carrier {
  const nativeSession = requestHeader.get("session-id") || undefined;
  return { dialect: "s3", connection: values.get(connectionKey), name: "", nativeSession };
}

function termOf(view: TermView): MessageInitShape<typeof TermSchema> {
  const { term, leader, candidates } = leaderApart(view);
  return { term, leader, candidates: [...candidates] };
}
