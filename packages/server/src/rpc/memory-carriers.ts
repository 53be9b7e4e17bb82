// SPDX-License-Identifier: Apache-2.0
/** Callers of one node, each with its connection or name, and what they ask under the session of it. */

import type { Clock } from "@conclave/base";
import type { DialectOperation, PrimitiveKey, SessionId } from "@conclave/fsm";
import type { ElectionNode } from "../replica/election-node.ts";
import { createMemoryCluster, type MemoryCluster } from "../replica/memory-cluster.ts";
import { type Carrier, type CarrierSession, CarrierSessions } from "./carrier-sessions.ts";
import type { CallOutcome } from "./dialect-call.ts";
import { isDialectFailure } from "./dialect-failure.ts";
import type { MemoryConnection } from "./memory-connection.ts";

export const GRACE_MS: number = 10_000;
export const KEY: PrimitiveKey = { kind: "election", namespace: "default", name: "e" };

export interface Place {
  readonly node: ElectionNode;
  readonly clock: Clock;
}

export function sessionsOf(
  { node, clock }: Place,
  more: { keptMax?: number } = {},
): CarrierSessions {
  let drawn = BigInt(node.cluster.node) << 40n;
  const drawSessionId = (): SessionId => ++drawn;
  return new CarrierSessions({ node, clock, graceMs: GRACE_MS, drawSessionId, ...more });
}

/** What a caller is known by. */
export interface Caller {
  readonly connection?: MemoryConnection;
  readonly name?: string;
  readonly nativeSession?: string;
}

export function sessionOf(sessions: CarrierSessions, caller: Caller): CarrierSession {
  const session = sessions.of(carrierOf(caller));
  if (isDialectFailure(session)) throw new Error(session.message);
  return session;
}

export function carrierOf({ connection, name = "", nativeSession }: Caller): Carrier {
  return { dialect: "s2", connection, name, nativeSession };
}

export function ask(
  { node }: Place,
  session: CarrierSession,
  kind: "create" | "close" | "enter",
  { candidate = "a", name = KEY.name }: { candidate?: string; name?: string } = {},
): Promise<CallOutcome> {
  const key = { ...KEY, name };
  const operation: DialectOperation = kind === "enter" ? { kind, key, candidate } : { kind, key };
  return session.call(operation, { giveUpAtMs: node.giveUpAtMs() });
}

/** `"1 [a b]"`: term and list, as this node has them. */
export function listOf({ node }: Place, name: string = KEY.name): string {
  const { term, leader, queue } = node.homeOf({ ...KEY, name }).view({ ...KEY, name });
  return `${term} [${[...(leader ? [leader] : []), ...queue].map((c) => c.name).join(" ")}]`;
}

export function isOpen({ node }: Place, id: SessionId): boolean {
  const session = node.homeOf(KEY).session(id);
  return session !== undefined && session !== "ended";
}

export function causeOf(outcome: CallOutcome): string {
  return isDialectFailure(outcome) ? outcome.cause : "done";
}

/** A cluster of which node 1 leads, as node 2's callers see it. */
export async function atFollower(): Promise<MemoryCluster & Place> {
  const cluster = await createMemoryCluster(1);
  return { ...cluster, node: cluster.at(2).node };
}
