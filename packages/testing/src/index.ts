// SPDX-License-Identifier: Apache-2.0
/** Tests that need elections: clusters to break, and time that stands still. */

export {
  createManualClock,
  createMemoryElections,
  type ManualClock,
  type MemoryElections,
  type MemoryElectionsOptions,
} from "@conclave/client/memory";
export type { Treatment } from "./cluster/cluster-network.ts";
export { untilReplicasAgree } from "./cluster/replicas.ts";
export {
  type Party,
  type TestClientOptions,
  TestCluster,
  type TestClusterOptions,
} from "./cluster/test-cluster.ts";
