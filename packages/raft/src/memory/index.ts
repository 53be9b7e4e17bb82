// SPDX-License-Identifier: Apache-2.0
export {
  type CrashFate,
  createMemoryDisk,
  type DiskOperation,
  type MemoryDisk,
  type MemoryDiskOptions,
  randomFate,
} from "./memory-disk.ts";
