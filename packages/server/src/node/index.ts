// SPDX-License-Identifier: Apache-2.0
export { markBadText } from "./bad-text.ts";
export { createFileDisk } from "./file-disk.ts";
export {
  type NodeOptions,
  type StartedNode,
  type StartFailure,
  type StartFailureReason,
  startNode,
} from "./start-node.ts";
export { systemClock } from "./system-clock.ts";
