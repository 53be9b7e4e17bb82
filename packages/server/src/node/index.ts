// SPDX-License-Identifier: Apache-2.0
export {
  DIALECTS,
  type DialectOptions,
  defaultDialectOptions,
} from "../rpc/dialect-options.ts";
export { markBadText } from "./bad-text.ts";
export { createFileDisk } from "./file-disk.ts";
export type {
  NodeFailure,
  NodeFailureReason,
  NodeOptions,
  StartedNode,
} from "./node-options.ts";
export {
  type BackupRefusal,
  type RestoreOptions,
  type RestoreOutcome,
  restoreDirectory,
  verifyBackup,
} from "./restore-directory.ts";
export { startNode } from "./start-node.ts";
export { systemClock } from "./system-clock.ts";
