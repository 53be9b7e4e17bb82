// SPDX-License-Identifier: Apache-2.0
/** Reads of a client, from the request to the answer, by a callback: for unary calls and for frames. */

import { create } from "@bufbuild/protobuf";
import {
  type CheckFenceRequest,
  type CheckFenceResponse,
  CheckFenceResponseSchema,
  FenceStatus,
  type GetRequest,
  type GetResponse,
  type ListRequest,
  type ListResponse,
  ListResponseSchema,
} from "@conclave/api";
import type { FenceView } from "@conclave/fsm";
import type { ElectionNode } from "../replica/election-node.ts";
import { readElection, readFence, readList } from "../replica/reads.ts";
import { isFailure, keyOf } from "../wire/bounds.ts";
import { type Failure, failureOfRead } from "../wire/failure.ts";
import { listQueryOf, pageTokenOf } from "../wire/read-requests.ts";
import { electionViewOf } from "../wire/views.ts";

export type Answered<T> = (answer: T | Failure) => void;

export function get(
  node: ElectionNode,
  request: GetRequest,
  giveUpAtMs: number,
  answered: Answered<GetResponse>,
): void {
  const key = keyOf(request.election);
  if (isFailure(key)) {
    answered(key);
    return;
  }
  const home = node.homeOf(key);
  const answer = (view: Parameters<typeof electionViewOf>[1]): void =>
    answered({ $typeName: "conclave.v1.GetResponse", view: electionViewOf(home.number, view) });
  if (request.stale) {
    answer(home.view(key));
    return;
  }
  readElection(home, key, giveUpAtMs, (outcome) => {
    if (outcome.kind === "failed") answered(failureOfRead(outcome));
    else answer(outcome.value);
  });
}

export function list(
  node: ElectionNode,
  request: ListRequest,
  giveUpAtMs: number,
  answered: Answered<ListResponse>,
): void {
  const query = listQueryOf(request);
  if (isFailure(query)) {
    answered(query);
    return;
  }
  readList(node.partitions, query, giveUpAtMs, (outcome) => {
    if (outcome.kind === "failed") {
      answered(failureOfRead(outcome));
      return;
    }
    const { views, next } = outcome.value;
    const elections = views.map(({ partition, view }) => electionViewOf(partition, view));
    answered(create(ListResponseSchema, { elections, nextPageToken: pageTokenOf(next) }));
  });
}

const FENCE_STATUSES: Record<FenceView["status"], FenceStatus> = {
  current: FenceStatus.CURRENT,
  vacant: FenceStatus.VACANT,
  superseded: FenceStatus.SUPERSEDED,
  unknown: FenceStatus.UNKNOWN,
};

export function checkFence(
  node: ElectionNode,
  request: CheckFenceRequest,
  giveUpAtMs: number,
  answered: Answered<CheckFenceResponse>,
): void {
  const key = keyOf(request.election);
  if (isFailure(key)) {
    answered(key);
    return;
  }
  readFence(node.homeOf(key), key, request.term, giveUpAtMs, (outcome) => {
    if (outcome.kind === "failed") {
      answered(failureOfRead(outcome));
      return;
    }
    const { status, term, asOfRevision } = outcome.value;
    const revision = asOfRevision;
    answered(create(CheckFenceResponseSchema, { status: FENCE_STATUSES[status], term, revision }));
  });
}
