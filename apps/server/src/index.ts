// SPDX-License-Identifier: Apache-2.0
/** The Conclave daemon, for programs that start one: the `conclave` command. */

export {
  type RestoreAnswer,
  restoreSnapshot,
  type SoundBackup,
  verifySnapshot,
} from "./backups.ts";
export { runServer } from "./run-server.ts";
