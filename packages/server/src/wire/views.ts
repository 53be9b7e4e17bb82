// SPDX-License-Identifier: Apache-2.0
/**
 * What readers are shown, as messages: elections, changes, candidacies, leases. Session ids become
 * instances here, and nowhere else does a view leave the node.
 */

import { create } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import {
  type Candidacy,
  CandidacyState,
  type Candidate,
  CandidateSchema,
  Cause,
  type Change,
  ChangeSchema,
  type CommandResult,
  type ElectionRef,
  type ElectionView,
  ElectionViewSchema,
  type Lease,
  LeaseSchema,
  LeaseStatus,
  PrimitiveKind,
} from "@conclave/api";
import type * as fsm from "@conclave/fsm";
import type { CandidacyEvent } from "../replica/candidacies.ts";
import type { LeaseOutcome } from "../replica/renewals.ts";
import { instanceOf } from "./instance.ts";

const KINDS: Record<fsm.PrimitiveKind, PrimitiveKind> = {
  election: PrimitiveKind.ELECTION,
  latch: PrimitiveKind.LATCH,
};

const CAUSES: Record<fsm.Cause, Cause> = {
  entered: Cause.ENTERED,
  withdrawn: Cause.WITHDRAWN,
  resigned: Cause.RESIGNED,
  expired: Cause.EXPIRED,
  disconnected: Cause.DISCONNECTED,
  anointed: Cause.ANOINTED,
  promoted: Cause.PROMOTED,
  demoted: Cause.DEMOTED,
  evicted: Cause.EVICTED,
  deleted: Cause.DELETED,
  metadata: Cause.METADATA,
  restored: Cause.RESTORED,
};

const CANDIDACY_STATES: Record<CandidacyEvent["state"], CandidacyState> = {
  leading: CandidacyState.LEADING,
  waiting: CandidacyState.WAITING,
  gone: CandidacyState.GONE,
};

const LEASE_STATUSES: Record<LeaseOutcome["kind"], LeaseStatus> = {
  confirmed: LeaseStatus.CONFIRMED,
  ended: LeaseStatus.ENDED,
  "not-registered": LeaseStatus.NOT_REGISTERED,
  unconfirmed: LeaseStatus.UNCONFIRMED,
};

function electionRefOf({ kind, namespace, name }: fsm.PrimitiveKey): ElectionRef {
  return { $typeName: "conclave.v1.ElectionRef", kind: KINDS[kind], namespace, name };
}

export function electionViewOf(partition: number, view: fsm.PastView): ElectionView {
  const { key, revision, term, leader, queue, sinceMs, asOfRevision } = view;
  const message = create(ElectionViewSchema, { revision, term, partition, asOfRevision });
  message.election = electionRefOf(key);
  message.queue = queue.map(candidateOf);
  if (leader !== undefined) message.leader = candidateOf(leader);
  if (leader !== undefined && sinceMs !== undefined) message.since = timestampOf(sinceMs);
  return message;
}

export function changeOf(partition: number, change: fsm.Change): Change {
  const { key, revision, previousRevision, term, leader, cause, reason, timeMs } = change;
  const message = create(ChangeSchema, { revision, previousRevision, term, reason, partition });
  message.election = electionRefOf(key);
  message.cause = CAUSES[cause];
  message.time = timestampOf(timeMs);
  if (leader !== undefined) message.leader = candidateOf(leader);
  message.joined = change.joined.map(placedOf);
  message.left = change.left.map(({ candidate }) => candidate.name);
  message.moved = change.moved.map(placedOf);
  message.updated = change.updated.map(({ candidate }) => candidateOf(candidate));
  return message;
}

/** Written out instead of `create`d, as all that is made once or more for every command. */
export function candidacyOf(event: CandidacyEvent): Candidacy {
  const { key, candidate, state, revision, term, cause, reason, partition } = event;
  return {
    $typeName: "conclave.v1.Candidacy",
    election: electionRefOf(key),
    candidate,
    state: CANDIDACY_STATES[state],
    revision,
    term,
    cause: cause === undefined ? Cause.UNSPECIFIED : CAUSES[cause],
    reason,
    partition,
  };
}

export function leaseOf(partition: number, outcome: LeaseOutcome): Lease {
  const status = LEASE_STATUSES[outcome.kind];
  if (outcome.kind !== "confirmed") return create(LeaseSchema, { partition, status });
  const { number, officeRevision } = outcome;
  return create(LeaseSchema, { partition, status, number, officeRevision });
}

export function commandResultOf(
  partition: number,
  { revision, term, leading, changed, replayed }: fsm.Done,
  registered: boolean,
): CommandResult {
  return {
    $typeName: "conclave.v1.CommandResult",
    revision,
    term,
    leading,
    replayed,
    registered,
    partition,
    changed,
  };
}

function candidateOf({ name, sessionId, metadata }: fsm.CandidateView): Candidate {
  const message = create(CandidateSchema, { name, instance: instanceOf(sessionId) });
  for (const [key, value] of metadata) message.metadata[key] = value;
  return message;
}

function placedOf({ candidate, position }: fsm.Placed) {
  return {
    $typeName: "conclave.v1.Placed" as const,
    candidate: candidateOf(candidate),
    position,
  };
}

function timestampOf(timeMs: number): Timestamp {
  const seconds = Math.floor(timeMs / 1000);
  return {
    $typeName: "google.protobuf.Timestamp",
    seconds: BigInt(seconds),
    nanos: (timeMs - seconds * 1000) * 1_000_000,
  };
}
