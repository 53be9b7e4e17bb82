// SPDX-License-Identifier: Apache-2.0
/** What S2 and S3 do under the session that a caller has by its connection, or brings. */

import type { PrimitiveKey } from "@conclave/fsm";
import type { Carrier, CarrierSession } from "./carrier-sessions.ts";
import type { Patience } from "./commands.ts";
import { dialectErrorOf, isDialectFailure } from "./dialect-failure.ts";
import { type DialectServices, doneOf } from "./dialect-service.ts";

/** For a call that cannot do without one. */
export function sessionFor({ sessions }: DialectServices, carrier: Carrier): CarrierSession {
  const session = sessions.of(carrier);
  if (isDialectFailure(session)) throw dialectErrorOf(session, carrier.dialect);
  return session;
}

/** Undefined: the caller has none, and what it asks for needs none. */
export function sessionIfAny(
  { sessions }: DialectServices,
  carrier: Carrier,
): CarrierSession | undefined {
  const session = sessions.of(carrier);
  if (!isDialectFailure(session)) return session;
  if (session.cause === "precondition") return undefined;
  throw dialectErrorOf(session, carrier.dialect);
}

/** Again and again without effect; nothing where there is no session to bind (A2). */
export async function createIn(
  services: DialectServices,
  carrier: Carrier,
  key: PrimitiveKey,
  patience: Patience,
): Promise<void> {
  const session = sessionIfAny(services, carrier);
  if (session === undefined) return;
  doneOf(await session.call({ kind: "create", key }, patience), carrier.dialect);
}

/** The session's candidacies leave; with nothing there that is done already (bug 50). */
export async function closeIn(
  { sessions }: DialectServices,
  carrier: Carrier,
  key: PrimitiveKey,
  patience: Patience,
): Promise<void> {
  const session = sessions.find(carrier);
  if (session === undefined) return;
  if (isDialectFailure(session)) throw dialectErrorOf(session, carrier.dialect);
  const outcome = await session.call({ kind: "close", key }, patience);
  if (isDialectFailure(outcome) && outcome.refusal?.startsWith("session_") === true) return;
  doneOf(outcome, carrier.dialect);
}
