// SPDX-License-Identifier: Apache-2.0
/** A server of a simulated world: a machine with a directory, and the process that runs on it, if one does. Types only. */

import type { CrashFate, MemoryDisk } from "@conclave/raft/memory";
import type { ElectionNode } from "@conclave/server";
import type { ServerLife } from "./observation.ts";
import type { ResumeOrder } from "./sim-process.ts";
import type { RunningServer } from "./world-view.ts";

export interface StartOptions {
  /** Joins the running cluster as a new member, by asking these nodes. Default: as the first start. */
  readonly join?: readonly number[];
}

export interface ServerProcess {
  readonly node: number;
  /** Its machine, as the network names it: `node 1`. */
  readonly host: string;
  /** Where clients reach it. */
  readonly url: string;
  /** `starting`: it has not settled who it is. `restoring`: down, while its directory is being made. */
  readonly state: "down" | "starting" | "running" | "stopping" | "restoring";
  readonly isPaused: boolean;
  readonly life: ServerLife;
  /** The disk of its log and that of its identity, as they are now: faults are ordered there. */
  readonly disk: MemoryDisk;
  readonly identityDisk: MemoryDisk;
  /** Undefined while it has not settled who it is. */
  readonly replicas: ElectionNode | undefined;
  readonly view: RunningServer | undefined;
  /** Starts it; what follows takes virtual time. It must be down. */
  start(options?: StartOptions): void;
  /** Shuts it down in order; resolves when it is down. */
  stop(): Promise<void>;
  /** As SIGKILL. */
  kill(): void;
  /** The machine loses power; `fate` says what becomes of what was not synced. */
  powerCut(fate: CrashFate): void;
  /**
   * The machine loses power in the middle of its work: at the given one of the next operations that
   * change the log's disk, counted from 0, after so many bytes of it if it is a write.
   */
  powerCutAt(operation: number, keptBytes: number, fate: CrashFate): void;
  /** As SIGSTOP and SIGCONT. */
  pause(): void;
  resume(order: ResumeOrder): void;
  /** The machine sleeps, and its monotonic clock with it; `resume` wakes it. */
  suspend(): void;
  /** Empties its directory. It must be down. */
  wipe(): void;
  /** As `conclave cluster backup` that asks this node. Rejects where it refuses; never settles if it dies. */
  backup(): Promise<Uint8Array>;
  /** Each sync of its disks takes so long from now on. */
  slowDisk(syncMs: number): void;
  /** Its clock runs fast by so many millionths from now on, in this life and the next. */
  drift(ppm: number): void;
  jumpWall(ms: number): void;
  /** Hands the lead of a partition to a node, as an operator does. */
  transfer(partition: number, toNode: number): void;
  /** Has a node taken off the list of members, as an operator does who asks this one. */
  removeMember(node: number): void;
}
