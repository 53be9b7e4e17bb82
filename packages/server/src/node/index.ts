// SPDX-License-Identifier: Apache-2.0
export {
  type NodeOptions,
  type StartedNode,
  type StartFailure,
  type StartFailureReason,
  startNode,
} from "./start-node.ts";
