// SPDX-License-Identifier: Apache-2.0
/** From the messages of conclave.v1 to the values that the SDK speaks in. Decides nothing. */

import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type AttachHello,
  AttachHelloSchema,
  type Candidacy,
  CandidacyState,
  type Candidate as CandidateMessage,
  type CheckFenceResponse,
  type CommandResult,
  type ElectionRef,
  type ElectionView,
  FenceStatus,
  PrimitiveKind,
  Cause as WireCause,
} from "@conclave/api";
import type { Fact } from "./candidacy-machine.ts";
import type { FenceCheck } from "./election.ts";
import type { LeaseTimes } from "./leases.ts";
import type { Candidate, Cause, View } from "./view.ts";

const CAUSES: Readonly<Record<WireCause, Cause>> = {
  [WireCause.UNSPECIFIED]: "unknown",
  [WireCause.ENTERED]: "entered",
  [WireCause.WITHDRAWN]: "withdrawn",
  [WireCause.RESIGNED]: "resigned",
  [WireCause.EXPIRED]: "expired",
  [WireCause.DISCONNECTED]: "disconnected",
  [WireCause.ANOINTED]: "anointed",
  [WireCause.PROMOTED]: "promoted",
  [WireCause.DEMOTED]: "demoted",
  [WireCause.EVICTED]: "evicted",
  [WireCause.DELETED]: "deleted",
  [WireCause.METADATA]: "metadata",
  [WireCause.RESTORED]: "restored",
};

const FENCE_STATUSES: Readonly<Record<FenceStatus, FenceCheck["status"]>> = {
  [FenceStatus.UNSPECIFIED]: "unknown",
  [FenceStatus.CURRENT]: "current",
  [FenceStatus.VACANT]: "vacant",
  [FenceStatus.SUPERSEDED]: "superseded",
  [FenceStatus.UNKNOWN]: "unknown",
};

/** The name of an election on the wire. */
export function electionRef(namespace: string, name: string): ElectionRef {
  return { $typeName: "conclave.v1.ElectionRef", namespace, name, kind: PrimitiveKind.ELECTION };
}

/** How a stream of this session begins. */
export function sessionHello(sessionId: bigint, { ttlMs, graceMs }: LeaseTimes): AttachHello {
  const grace = graceMs > 0 ? { disconnectGrace: durationOf(graceMs) } : {};
  const options = { ttl: durationOf(ttlMs), ...grace };
  return create(AttachHelloSchema, { session: { sessionId, options } });
}

/** A Duration to be put in a message. The one of protobuf-es brings its own descriptors to a page. */
function durationOf(ms: number): { readonly seconds: bigint; readonly nanos: number } {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

export function causeOf(cause: WireCause): Cause {
  // A cause of a newer server is no key of the table.
  return CAUSES[cause] ?? "unknown";
}

export function candidateOf(message: CandidateMessage): Candidate {
  return { id: message.name, instance: message.instance, metadata: { ...message.metadata } };
}

export function viewOf(message: ElectionView): View {
  return {
    election: message.election?.name ?? "",
    revision: message.revision,
    term: message.term,
    leader: message.leader === undefined ? null : candidateOf(message.leader),
    queue: message.queue.map(candidateOf),
    sinceMs: timeOf(message.since),
  };
}

/** Unix milliseconds, for showing only. */
export function timeOf(timestamp: Timestamp | undefined): number | null {
  return timestamp === undefined ? null : timestampMs(timestamp);
}

export function fenceCheckOf(message: CheckFenceResponse): FenceCheck {
  const { term, revision } = message;
  return { status: FENCE_STATUSES[message.status] ?? "unknown", term, revision };
}

export function factOfPush(message: Candidacy): Fact {
  const { revision, term } = message;
  return { place: placeOf(message.state), revision, term, cause: causeOf(message.cause) };
}

/** What the answer to Enter or UpdateMetadata says of the candidate named in it. */
export function factOfResult({ leading, revision, term }: CommandResult): Fact {
  return { place: leading ? "leading" : "waiting", revision, term, cause: "unknown" };
}

/** What a linearizable reading says of a candidate, told apart from namesakes by its instance. */
export function factOfView(view: ElectionView, candidate: string, instance: string): Fact {
  const isOurs = (c: CandidateMessage | undefined): boolean =>
    c?.name === candidate && c.instance === instance;
  const isWaiting = view.queue.some(isOurs);
  const place = isOurs(view.leader) ? "leading" : isWaiting ? "waiting" : "gone";
  return { place, revision: view.asOfRevision, term: view.term, cause: "unknown" };
}

function placeOf(state: CandidacyState): Fact["place"] {
  switch (state) {
    case CandidacyState.LEADING:
      return "leading";
    case CandidacyState.WAITING:
      return "waiting";
    default:
      return "gone";
  }
}
