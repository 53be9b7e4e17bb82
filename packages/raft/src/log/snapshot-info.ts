// SPDX-License-Identifier: Apache-2.0
/** What the algorithm knows of a snapshot; its bytes lie in the store. */

import type { Configuration } from "./configuration.ts";

export interface SnapshotInfo {
  /** The last entry that it holds; 0 where there is no snapshot. */
  readonly index: number;
  readonly raftTerm: number;
  /** The size of its file. */
  readonly bytes: number;
  /** The one in use at `index`; of a new group the one of its first start. */
  readonly configuration: Configuration;
}
