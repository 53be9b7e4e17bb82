// SPDX-License-Identifier: Apache-2.0
/** What the services of a dialect are made of, and the little that all of them do. */

import type { Clock } from "@conclave/base";
import type { DialectDone, PrimitiveKey } from "@conclave/fsm";
import type { HandlerContext } from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";
import type { CarrierSessions } from "./carrier-sessions.ts";
import type { Patience } from "./commands.ts";
import { type CallOutcome, callDialect } from "./dialect-call.ts";
import { type DialectFailure, dialectErrorOf, isDialectFailure } from "./dialect-failure.ts";
import type { DialectName, DialectOptions } from "./dialect-options.ts";

/** Shared by all dialects of a node. */
export interface DialectServices {
  readonly node: ElectionNode;
  readonly clock: Clock;
  readonly options: DialectOptions;
  readonly sessions: CarrierSessions;
  readonly drawSessionId: () => bigint;
}

/** Anoint, promote, demote, evict and withdraw go by name, whoever asks (semantics A1). */
export type NamedVerb = "withdraw" | "anoint" | "promote" | "demote" | "evict";

export function patienceOf(node: ElectionNode, context: HandlerContext): Patience {
  return { giveUpAtMs: node.giveUpAtMs(context.timeoutMs()), signal: context.signal };
}

export function keyIn(
  { options }: DialectServices,
  dialect: DialectName,
  name: string,
  namespace: string = "",
): PrimitiveKey {
  const place = options[dialect];
  return { kind: place.kind, namespace: namespace === "" ? place.namespace : namespace, name };
}

export function callByName(
  { node }: DialectServices,
  kind: NamedVerb,
  key: PrimitiveKey,
  candidate: string,
  patience: Patience,
): Promise<CallOutcome> {
  const operation = { kind, key, candidate };
  return callDialect(
    node.homeOf(key),
    { kind: "dialect-call", sessionId: 0n, order: { kind: "free" }, operation },
    patience,
  );
}

/** What was answered, or the error that the call throws. */
export function doneOf(outcome: DialectDone | DialectFailure, dialect: DialectName): DialectDone {
  if (isDialectFailure(outcome)) throw dialectErrorOf(outcome, dialect);
  return outcome;
}
