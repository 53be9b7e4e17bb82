// SPDX-License-Identifier: Apache-2.0
/**
 * A simulated world: servers and clients as processes on machines, a network between them, one virtual
 * time, and everything that can be seen of it.
 */

import type { Clock, Prng } from "@conclave/base";
import type { HostLimits } from "@conclave/raft";
import type { ClientProcess, ClientStart } from "./client-process.ts";
import type { Network, PathProfile } from "./network.ts";
import type { Observation } from "./observation.ts";
import type { ServerProcess } from "./server-process.ts";
import type { WorldView } from "./world-view.ts";

export interface WorldOptions {
  /** Of 64 bits. Equal seeds and equal calls give equal worlds, line for line. */
  readonly seed: bigint;
  readonly nodes: number;
  readonly partitions: number;
  /** Resolves when every promise that can go on has: a turn of the real loop. */
  readonly drain: () => Promise<void>;
  /** Of each node, 1 to N: by how many millionths its clock runs fast. Default 0. */
  readonly driftPpm?: readonly number[];
  /** What paths are like that nothing was said about. Default: a calm local network. */
  readonly path?: PathProfile;
  /** How long a sync of a disk takes. Default 0. */
  readonly syncMs?: number;
  /** By which the logs live. Segments are small by default, so that there are many. */
  readonly limits?: Partial<HostLimits>;
  /** Whether frames are encoded to bytes on their way, or pass as the objects that they are. Default true. */
  readonly isEncoded?: boolean;
}

export interface World {
  readonly timeMs: number;
  /** Of the world, outside its processes: for workloads and faults. */
  readonly clock: Clock;
  /** For whoever plays with the world; the world's own chance is apart from it. */
  readonly prng: Prng;
  readonly network: Network;
  /** By node, 1 to N. None runs before it is started. */
  readonly servers: readonly ServerProcess[];
  server(node: number): ServerProcess;
  /** Those that live. */
  readonly clients: readonly ClientProcess[];
  /** Starts a process that connects. A name may be used again when its process has ended. */
  startClient(name: string, options?: ClientStart): ClientProcess;
  /** What workloads see of their side; goes to all listeners and into the trace. */
  observe(observation: Observation): void;
  onObservation(listener: (observation: Observation, nowMs: number) => void): void;
  /** After each event of virtual time. */
  onStep(listener: (view: WorldView) => void): void;
  /** Something was thrown that nobody caught. */
  broken(where: string, error: unknown): void;
  /** Lets virtual time pass, or stops early once `isOver` says so. */
  run(ms: number, isOver?: () => boolean): Promise<void>;
  view(): WorldView;
  /** Who should be in office by now, as the workload knows it. Default: nobody. */
  waiting: () => WorldView["waiting"];
  /** One line for each thing that happened, oldest first. */
  readonly trace: readonly string[];
  /** Events of virtual time so far. */
  readonly steps: number;
}
