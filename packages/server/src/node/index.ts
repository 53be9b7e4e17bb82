// SPDX-License-Identifier: Apache-2.0
export { markBadText } from "./bad-text.ts";
export { createFileDisk } from "./file-disk.ts";
export type {
  NodeFailure,
  NodeFailureReason,
  NodeOptions,
  StartedNode,
} from "./node-options.ts";
export { startNode } from "./start-node.ts";
export { systemClock } from "./system-clock.ts";
