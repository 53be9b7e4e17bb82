// SPDX-License-Identifier: Apache-2.0
/** A watch as S2, S3 and S4 serve it: from what is committed now, for as long as its session lives. */

import type { PrimitiveKey, TermView } from "@conclave/fsm";
import type { HandlerContext } from "@connectrpc/connect";
import type { CarrierSession } from "./carrier-sessions.ts";
import { dialectErrorOf, dialectFailure, isDialectFailure } from "./dialect-failure.ts";
import type { DialectName } from "./dialect-options.ts";
import type { DialectServices } from "./dialect-service.ts";
import { readTerm } from "./term-view.ts";
import { watchTerms } from "./term-watch.ts";
import { holdUntil } from "./watch-hold.ts";

/**
 * First the state, read as `readTerm` reads it, so that it is no older than any answer which the
 * caller has; then each state after a change.
 *
 * @param session the caller's, if it has one: the stream ends with it (semantics A2), and in order
 *   when it closes the primitive (bug 45).
 */
export async function* watchInSession(
  services: DialectServices,
  dialect: DialectName,
  key: PrimitiveKey,
  context: HandlerContext,
  session: CarrierSession | undefined,
): AsyncGenerator<TermView> {
  const { node } = services;
  const read = await readTerm(node.homeOf(key), key, node.giveUpAtMs(context.timeoutMs()));
  if (isDialectFailure(read)) throw dialectErrorOf(read, dialect);
  const { signal: caller } = context;
  const gone = holdUntil(caller, session?.lost);
  const open = session?.watch(key, caller);
  try {
    yield* watchTerms(services, key, dialect, gone.ending, open?.ending);
  } finally {
    gone.leave();
    open?.leave();
  }
  if (session?.lost.aborted === true) {
    const message = "the connection's session has ended; open the stream again";
    throw dialectErrorOf(dialectFailure("unavailable", message), dialect);
  }
}
