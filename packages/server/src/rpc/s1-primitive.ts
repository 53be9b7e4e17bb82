// SPDX-License-Identifier: Apache-2.0
/**
 * The primitives of S1's sessions, which their calls name by the number of the command that created
 * them (semantics 4.2.1), and what is so of a call before it goes into the log.
 */

import {
  answerOf,
  createdPrimitive,
  numberingOf,
  type PrimitiveKey,
  type Reply,
} from "@conclave/fsm";
import {
  type DialectFailure,
  dialectFailure,
  failureOfDialectRefusal,
  isDialectFailure,
} from "./dialect-failure.ts";
import { barrier, numberingAt } from "./read-barrier.ts";
import type { NumberedPlace, Place } from "./s1-headers.ts";

export const UNKNOWN_SESSION: DialectFailure = failureOfDialectRefusal({
  kind: "refused",
  reason: "session_unknown",
});

/**
 * Why a session cannot be served: there is none of that id, or it is another protocol's.
 *
 * @param giveUpAtMs until when to ask the leader, where this replica may be behind.
 */
export async function strangerOf(
  { partition, sessionId }: Place,
  giveUpAtMs: number,
): Promise<DialectFailure | undefined> {
  const numbering = await numberingAt(partition, sessionId, giveUpAtMs);
  if (typeof numbering === "object") return numbering;
  return numbering === "s1" ? undefined : UNKNOWN_SESSION;
}

/**
 * As this replica knows it, and if that does not, as the partition's leader does.
 *
 * @param giveUpAtMs until when to ask the leader.
 */
export async function primitiveOf(
  place: Place,
  giveUpAtMs: number,
): Promise<PrimitiveKey | DialectFailure> {
  const stranger = await strangerOf(place, giveUpAtMs);
  if (stranger !== undefined) return stranger;
  const known = knownPrimitive(place);
  if (!isDialectFailure(known) || isElsewhere(place.primitiveId)) return known;
  return (await barrier(place.partition, giveUpAtMs)) ?? knownPrimitive(place);
}

/** As this replica knows it now. */
export function knownPrimitive({
  partition,
  sessionId,
  primitiveId,
}: Place): PrimitiveKey | DialectFailure {
  const { state } = partition;
  if (numberingOf(state, sessionId) !== "s1") return UNKNOWN_SESSION;
  if (isElsewhere(primitiveId)) {
    const home = homeOfElsewhere(primitiveId);
    return dialectFailure("invalid", `the primitive is not at home here, but on partition ${home}`);
  }
  return createdPrimitive(state, sessionId, primitiveId) ?? NOT_CREATED;
}

/** What a number was answered with, while that is kept: a primitive may be closed since. */
export function answerBefore({ partition, sessionId, number }: NumberedPlace): Reply | undefined {
  return answerOf(partition.state, sessionId, number);
}

/**
 * What a primitive is called on a partition that is not its home, where its creation binds nothing: a
 * number that no creation has, so that a close of it passes and every other call is refused.
 *
 * @param index of the command that took the creation's number.
 */
export function elsewhereId(home: number, index: bigint): bigint {
  return ELSEWHERE | (BigInt(home) << HOME_SHIFT) | (index & INDEX_MASK);
}

export function isElsewhere(primitiveId: bigint): boolean {
  return (primitiveId & ELSEWHERE) !== 0n;
}

function homeOfElsewhere(primitiveId: bigint): bigint {
  return (primitiveId & ~ELSEWHERE) >> HOME_SHIFT;
}

/** No partition counts as far as this. */
const ELSEWHERE = 1n << 63n;
const HOME_SHIFT = 48n;
const INDEX_MASK = (1n << HOME_SHIFT) - 1n;
const NOT_CREATED: DialectFailure = failureOfDialectRefusal({
  kind: "refused",
  reason: "not_created",
});
