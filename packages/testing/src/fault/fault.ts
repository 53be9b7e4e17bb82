// SPDX-License-Identifier: Apache-2.0
/**
 * What goes wrong in a simulated world, as values: a schedule of them can be written down, replayed
 * and shrunk. Types only. Hosts are named `node 1` and so on, and clients by their own names; `leader 1` is the
 * node that leads partition 1 when the fault begins.
 */

import type { DiskOperation } from "@conclave/raft/memory";
import type { ResumeOrder } from "../world/sim-process.ts";

interface At {
  /** Since the beginning of the run. */
  readonly atMs: number;
}

/** The process dies and is started again. */
interface Restart {
  readonly node: number;
  readonly downMs: number;
}

interface Lasting {
  readonly forMs: number;
}

export type Fault = At &
  (
    | ({ readonly kind: "kill" } & Restart)
    /** A shutdown in order. */
    | ({ readonly kind: "stop" } & Restart)
    /** The machines lose power at one instant: what was not synced is lost, kept or torn. */
    | {
        readonly kind: "power-cut";
        readonly nodes: readonly number[];
        readonly fate: "lose-all" | "keep-all" | "random";
        readonly downMs: number;
      }
    /** At one of the next operations of its log's disk, counted from 0, and in the middle of it. */
    | ({
        readonly kind: "power-cut-at";
        readonly operation: number;
        readonly keptBytes: number;
      } & Restart)
    /** As SIGSTOP and SIGCONT; of a client also a loop that something blocks. */
    | ({ readonly kind: "pause"; readonly host: string; readonly order: ResumeOrder } & Lasting)
    /** The machine sleeps: its monotonic clock stands still, the clock of its uptime does not. */
    | ({ readonly kind: "sleep"; readonly host: string } & Lasting)
    | { readonly kind: "kill-client"; readonly client: string; readonly downMs: number }
    /** Its client is closed in order, then the process ends and is started again. */
    | { readonly kind: "close-client"; readonly client: string; readonly downMs: number }
    | { readonly kind: "wall-jump"; readonly host: string; readonly byMs: number }
    /** Hosts of different sides hear nothing of each other; who is on no side hears all. */
    | ({ readonly kind: "split"; readonly sides: readonly (readonly string[])[] } & Lasting)
    /** A host is cut off from all nodes, or all but clients can hear of it. */
    | ({
        readonly kind: "isolate";
        readonly host: string;
        /** Whether a node is cut off from clients too. */
        readonly isWhole: boolean;
        /** What it says, what it hears, or both, is lost. */
        readonly lost: "said" | "heard" | "both";
        /** Before that, for as long as two frames take, all that it hears is as late as this. */
        readonly lateMs: number;
        /** Its connections end with it, and both sides hear of that. */
        readonly isReset: boolean;
      } & Lasting)
    | ({ readonly kind: "cut"; readonly from: string; readonly to: string } & Lasting)
    | ({
        readonly kind: "slow";
        readonly from: string;
        readonly to: string;
        readonly delayMs: number;
      } & Lasting)
    | { readonly kind: "reset"; readonly a: string; readonly b: string }
    /** Connections end, and only one side hears of it. */
    | { readonly kind: "half-open"; readonly told: string; readonly untold: string }
    /** Frames between nodes that carry Raft messages only. */
    | ({
        readonly kind: "lossy";
        readonly lostPermille: number;
        readonly doubledPermille: number;
        readonly reorderedPermille: number;
      } & Lasting)
    | ({ readonly kind: "slow-disk"; readonly node: number; readonly syncMs: number } & Lasting)
    | ({ readonly kind: "full-disk"; readonly node: number } & Lasting)
    /** Once: the process may end of it, and a new one finds the disk well. */
    | { readonly kind: "disk-error"; readonly node: number; readonly operation: DiskOperation }
    /** One bit of one file turns while the process is down. Which one, `pick` says. */
    | ({ readonly kind: "rot"; readonly pick: number } & Restart)
    /** Somebody empties the directory. */
    | ({ readonly kind: "wipe" } & Restart)
    | { readonly kind: "transfer"; readonly partition: number; readonly to: number }
    /**
     * A backup is taken, and after a while all servers are shut down and a new cluster in their place
     * begins with it.
     */
    | { readonly kind: "restore"; readonly afterMs: number }
    /** An operator takes the node off the list, empties its directory and has it join again. */
    | ({ readonly kind: "replace" } & Restart)
  );

export type FaultKind = Fault["kind"];
