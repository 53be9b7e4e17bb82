// SPDX-License-Identifier: Apache-2.0
/** Requests about sessions, checked and put into domain values. */

import type { Duration } from "@bufbuild/protobuf/wkt";
import type { Renewal, SessionOptions } from "@conclave/api";
import { defaultLimits, type OpenSession, type SessionId } from "@conclave/fsm";
import { isFailure, labelsOf } from "./bounds.ts";
import { type Failure, invalidField } from "./failure.ts";

/** Long enough for a pause that ought to be survived, short enough for a crash to be noticed. */
const TTL_MS_DEFAULT = 10_000;

const { ttlMsMin, ttlMsMax } = defaultLimits;

/** @param path where the options stand in the request, with its dot, for instance `options.`. */
export function openSessionOf(
  sessionId: SessionId,
  options: SessionOptions | undefined,
  path: string,
): OpenSession | Failure {
  const ttlMs = options?.ttl === undefined ? TTL_MS_DEFAULT : millisecondsOf(options.ttl);
  if (!(ttlMs >= ttlMsMin && ttlMs <= ttlMsMax)) {
    return invalidField(`${path}ttl`, "500 ms to 24 h, in whole milliseconds");
  }
  const grace = options?.disconnectGrace;
  const graceMs = grace === undefined ? 0 : millisecondsOf(grace);
  if (!(graceMs >= 0 && graceMs <= ttlMs)) {
    return invalidField(`${path}disconnect_grace`, "0 to the ttl, in whole milliseconds");
  }
  const labels = labelsOf(options?.labels ?? {}, `${path}labels`);
  if (isFailure(labels)) return labels;
  return { kind: "open-session", sessionId, ttlMs, graceMs, labels };
}

/** The partitions that a request names, each once; `fallback` where it names none. */
export function partitionsOf(
  numbers: readonly number[],
  partitionCount: number,
  field: string,
  fallback: readonly number[],
): readonly number[] | Failure {
  if (numbers.length === 0) return fallback;
  const isSound = numbers.every((number) => number >= 1 && number <= partitionCount);
  return isSound ? [...new Set(numbers)] : invalidField(field, `1 to ${partitionCount}`);
}

export interface RenewalRequest {
  readonly number: bigint;
  readonly partitions: readonly number[];
}

export function renewalOf(
  renewal: Renewal | undefined,
  partitionCount: number,
  field: string,
): RenewalRequest | Failure {
  if (renewal === undefined) return invalidField(field, "must be set");
  const { number } = renewal;
  if (number === 0n) return invalidField(`${field}.number`, "from 1");
  const numbers = renewal.partitions;
  if (numbers.length === 0) return invalidField(`${field}.partitions`, "must not be empty");
  const partitions = partitionsOf(numbers, partitionCount, `${field}.partitions`, []);
  return isFailure(partitions) ? partitions : { number, partitions };
}

/** NaN for what is no whole number of milliseconds, which then is out of every bound. */
function millisecondsOf({ seconds, nanos }: Duration): number {
  if (nanos % 1_000_000 !== 0) return Number.NaN;
  return Number(seconds) * 1_000 + nanos / 1_000_000;
}
