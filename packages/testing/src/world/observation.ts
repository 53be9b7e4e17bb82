// SPDX-License-Identifier: Apache-2.0
/**
 * What can be seen of a simulated world, from inside its processes: the only thing that rules judge.
 * Types only. Observations come in the order in which things happen.
 */

import type { Change } from "@conclave/fsm";
import type { GroupId, Role } from "@conclave/raft";
import type { Operation } from "../history/operation.ts";

/** A process of a server: the node, and how often it has been started. */
export interface ServerLife {
  readonly node: number;
  readonly life: number;
  readonly incarnation: number;
}

export type Observation =
  | { readonly kind: "server-started"; readonly server: ServerLife }
  | {
      readonly kind: "server-ended";
      readonly server: ServerLife;
      readonly how: "stopped" | "killed" | "power-cut" | "failed";
      readonly detail: string;
    }
  | {
      readonly kind: "role";
      readonly server: ServerLife;
      readonly group: GroupId;
      readonly role: Role;
      /** Of its log at this moment. */
      readonly commitIndex: number;
      readonly lastIndex: number;
    }
  /** A vote left the process, for a candidate of this node. */
  | {
      readonly kind: "vote";
      readonly server: ServerLife;
      readonly group: GroupId;
      readonly raftTerm: number;
      readonly candidate: number;
    }
  /** Handed to the replica, in order. */
  | {
      readonly kind: "committed";
      readonly server: ServerLife;
      readonly group: GroupId;
      readonly entries: readonly {
        readonly index: number;
        readonly raftTerm: number;
        readonly bytes: Uint8Array;
      }[];
    }
  | {
      readonly kind: "restored";
      readonly server: ServerLife;
      readonly group: GroupId;
      readonly index: number;
      readonly raftTerm: number;
    }
  /**
   * All servers are down, and their directories are those of a new cluster that begins with a backup of
   * the one before. What the backup held, as the state machine saves it: before the jump.
   */
  | {
      readonly kind: "another-cluster";
      readonly saved: ReadonlyMap<number, readonly Uint8Array[]>;
    }
  /** An election changed on a replica. */
  | {
      readonly kind: "changed";
      readonly server: ServerLife;
      readonly partition: number;
      readonly change: Change;
    }
  /** A proposal was acknowledged to whoever proposed it, on the leader. */
  | {
      readonly kind: "acknowledged";
      readonly server: ServerLife;
      readonly group: GroupId;
      readonly index: number;
    }
  /** A process of a client will go by this session, which no other has. */
  | { readonly kind: "session-drawn"; readonly client: string; readonly sessionId: bigint }
  | {
      readonly kind: "renewal-sent";
      readonly client: string;
      readonly sessionId: bigint;
      readonly number: bigint;
    }
  /** The acknowledgement of a renewal has reached its client. */
  | {
      readonly kind: "renewal-confirmed";
      readonly client: string;
      readonly sessionId: bigint;
      readonly partition: number;
      readonly number: bigint;
    }
  /** What a client believes: told at each change, from its own side. */
  | {
      readonly kind: "office";
      readonly client: string;
      readonly election: string;
      readonly candidate: string;
      readonly term: bigint;
      readonly state: "taken" | "suspended" | "resumed" | "lost" | "resigned";
    }
  | { readonly kind: "operation"; readonly operation: Operation }
  /** A watch of one election goes on after a revision that its user knows of. */
  | {
      readonly kind: "watch-resumed";
      readonly client: string;
      readonly watch: number;
      readonly election: string;
      readonly after: bigint;
    }
  /** What a watch of a client yielded; `gap`: it says that events are missing. */
  | {
      readonly kind: "watched";
      readonly client: string;
      readonly watch: number;
      readonly election: string;
      readonly revision: bigint;
      readonly term: bigint;
      readonly leader: string | undefined;
      readonly candidates: readonly string[];
      readonly isGap: boolean;
    }
  /** A watch of one election says that it has told everything up to this revision. */
  | {
      readonly kind: "watch-progress";
      readonly client: string;
      readonly watch: number;
      readonly election: string;
      readonly revision: bigint;
    }
  /** A watch ended with the SDK's error of this code. */
  | {
      readonly kind: "watch-failed";
      readonly client: string;
      readonly watch: number;
      readonly code: string;
    }
  /**
   * A fenced register took or refused a write. The writer had claimed the register with its term,
   * which answers the value and shuts out lower terms, and counts up from what it knows.
   */
  | {
      readonly kind: "fenced-write";
      readonly client: string;
      readonly election: string;
      readonly term: bigint;
      readonly isTaken: boolean;
      /** What the writer believed to be there. */
      readonly expected: number;
      /** What is there afterwards. */
      readonly value: number;
    }
  | { readonly kind: "fault"; readonly fault: string }
  | { readonly kind: "healed" }
  /** An assertion of the product failed, or something was thrown that nobody caught. */
  | { readonly kind: "broken"; readonly where: string; readonly message: string };

export interface Violation {
  /** R1 to C3, or O1 to O8. */
  readonly rule: string;
  readonly message: string;
}
