// SPDX-License-Identifier: Apache-2.0
/**
 * What a node asks of others for its clients and its operators, conclave.peer.v1; between nodes only. A
 * list of names and nothing else.
 */

export {
  type ForwardAnswer,
  ForwardAnswerSchema,
  type ForwardedSubmission,
  type ForwardRequest,
  ForwardRequestSchema,
  NotApplied_Reason as NotAppliedReason,
  type RenewalAnswer,
  RenewalAnswer_Status as RenewalAnswerStatus,
  type SubmissionAnswer,
} from "./gen/conclave/peer/v1/forward_pb.ts";
export {
  ClusterAnswerSchema,
  ClusterQuestionSchema,
  OperationRequestSchema,
  OperationResponseSchema,
} from "./gen/conclave/peer/v1/operation_pb.ts";
