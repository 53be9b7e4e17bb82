// SPDX-License-Identifier: Apache-2.0
export {
  type CrashFate,
  createMemoryDisk,
  type DiskOperation,
  type MemoryDisk,
  type MemoryDiskOptions,
  randomFate,
} from "./memory-disk.ts";
export {
  createMemoryNetwork,
  type MemoryConnection,
  type MemoryNetwork,
  type MemoryNetworkOptions,
  type NetworkFaults,
} from "./memory-network.ts";
