// SPDX-License-Identifier: Apache-2.0
/**
 * Dialect S2, atomix.election.v1.LeaderElection.
 *
 * A list of names and nothing else: the dialects reuse each other's names, so each has its own
 * door.
 */

export {
  type AnointRequest,
  AnointRequestSchema,
  type AnointResponse,
  AnointResponseSchema,
  type CloseRequest,
  CloseRequestSchema,
  type CloseResponse,
  CloseResponseSchema,
  type CreateRequest,
  CreateRequestSchema,
  type CreateResponse,
  CreateResponseSchema,
  type EnterRequest,
  EnterRequestSchema,
  type EnterResponse,
  EnterResponseSchema,
  type Event,
  Event_Type,
  Event_TypeSchema,
  EventSchema,
  type EventsRequest,
  EventsRequestSchema,
  type EventsResponse,
  EventsResponseSchema,
  type EvictRequest,
  EvictRequestSchema,
  type EvictResponse,
  EvictResponseSchema,
  type GetTermRequest,
  GetTermRequestSchema,
  type GetTermResponse,
  GetTermResponseSchema,
  LeaderElection,
  type LeaderElectionConfig,
  LeaderElectionConfigSchema,
  type PromoteRequest,
  PromoteRequestSchema,
  type PromoteResponse,
  PromoteResponseSchema,
  type Term,
  TermSchema,
  type WithdrawRequest,
  WithdrawRequestSchema,
  type WithdrawResponse,
  WithdrawResponseSchema,
} from "./gen/atomix/election/v1/election_pb.ts";
export {
  OperationType,
  OperationTypeSchema,
} from "./gen/atomix/primitive/v1/descriptor_pb.ts";
export {
  type CompositeTimestamp,
  CompositeTimestampSchema,
  type EpochTimestamp,
  EpochTimestampSchema,
  type LogicalTimestamp,
  LogicalTimestampSchema,
  type PhysicalTimestamp,
  PhysicalTimestampSchema,
  type Timestamp,
  TimestampSchema,
  type VectorTimestamp,
  VectorTimestampSchema,
} from "./gen/atomix/time/v1/timestamp_pb.ts";
