// SPDX-License-Identifier: Apache-2.0
/** The in-memory twin, for users' own tests. */

export { createManualClock, type ManualClock } from "@conclave/base";
export {
  createMemoryElections,
  type MemoryElections,
  type MemoryElectionsOptions,
} from "./memory-elections.ts";
