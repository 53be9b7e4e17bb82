// SPDX-License-Identifier: Apache-2.0
/** Requests that change an election, checked and put into commands of the state machine. */

import type {
  AnointRequest,
  DeleteRequest,
  DemoteRequest,
  EnterRequest,
  EvictRequest,
  PromoteRequest,
  UpdateMetadataRequest,
  WithdrawRequest,
} from "@conclave/api";
import type { Delete, Enter, Steer, UpdateMetadata, Withdraw } from "@conclave/fsm";
import {
  adminOptionsOf,
  checkCandidate,
  commandIdOf,
  isFailure,
  keyOf,
  metadataOf,
} from "./bounds.ts";
import type { Failure } from "./failure.ts";

type SteerRequest = AnointRequest | PromoteRequest | DemoteRequest | EvictRequest;

export function enterOf(request: EnterRequest): Enter | Failure {
  const { candidate, takeover } = request;
  const key = keyOf(request.election);
  if (isFailure(key)) return key;
  const id = commandIdOf(request.command);
  if (isFailure(id)) return id;
  const metadata = metadataOf(request.metadata);
  if (isFailure(metadata)) return metadata;
  return checkCandidate(candidate) ?? { kind: "enter", key, candidate, metadata, takeover, id };
}

export function withdrawOf(request: WithdrawRequest): Withdraw | Failure {
  const { candidate } = request;
  const key = keyOf(request.election);
  if (isFailure(key)) return key;
  const id = commandIdOf(request.command);
  if (isFailure(id)) return id;
  return checkCandidate(candidate) ?? { kind: "withdraw", key, candidate, id };
}

export function updateMetadataOf(request: UpdateMetadataRequest): UpdateMetadata | Failure {
  const { candidate } = request;
  const key = keyOf(request.election);
  if (isFailure(key)) return key;
  const id = commandIdOf(request.command);
  if (isFailure(id)) return id;
  const metadata = metadataOf(request.metadata);
  if (isFailure(metadata)) return metadata;
  return checkCandidate(candidate) ?? { kind: "update-metadata", key, candidate, metadata, id };
}

export function steerOf(kind: Steer["kind"], request: SteerRequest): Steer | Failure {
  const { candidate } = request;
  const key = keyOf(request.election);
  if (isFailure(key)) return key;
  const options = adminOptionsOf(request.options);
  if (isFailure(options)) return options;
  return checkCandidate(candidate) ?? { kind, key, candidate, options };
}

export function deleteOf(request: DeleteRequest): Delete | Failure {
  const key = keyOf(request.election);
  if (isFailure(key)) return key;
  const options = adminOptionsOf(request.options);
  if (isFailure(options)) return options;
  return { kind: "delete", key, options };
}
