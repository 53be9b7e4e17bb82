// SPDX-License-Identifier: Apache-2.0
/** What faults are done to, and what the beginning of one has in reach. Types only. */

import type { ClientProcess } from "../world/client-process.ts";
import type { PathProfile } from "../world/network.ts";
import type { ServerProcess } from "../world/server-process.ts";
import type { World } from "../world/world.ts";

export interface FaultyWorld {
  readonly world: World;
  readonly path: PathProfile;
  readonly syncMs: number;
  /** The process that goes by this name now. */
  readonly client: (name: string) => ClientProcess | undefined;
  readonly restartClient: (name: string) => void;
}

/** What the beginning of a fault has in reach. */
export interface Ongoing extends FaultyWorld {
  /** Has it put right after so long, or when all heals. */
  last(forMs: number, over: () => void): void;
  /** Ends the server's process, if one runs that nobody has ended, and keeps it down for so long. */
  takeDown(node: number, downMs: number, end: (server: ServerProcess) => void): void;
  /** Shuts all servers down and has a new cluster begin in their place. */
  restore(backup: Uint8Array): void;
  /** A node that runs and takes itself for the leader of the partition. */
  leader(partition: number): ServerProcess | undefined;
  process(host: string): ServerProcess | ClientProcess | undefined;
  /** What the network calls it now: a client that was started again has another name, `leader 1` is a node. */
  host(name: string): string;
}
