// SPDX-License-Identifier: Apache-2.0
/**
 * What a member is told to do, and all that it asks of the platform it runs on. Types only.
 *
 * `node/` is one platform, with the machine's clock, files and HTTP/2; a simulated world is another.
 */

import type { Clock } from "@conclave/base";
import type { HostLimits, HostObserver } from "@conclave/raft";
import type { PeerDialer, PeerIntroducer } from "../peer/peer-dialer.ts";
import type { NodeObserver } from "../replica/node-observer.ts";
import type { OpenLog } from "../replica/replicated-log.ts";
import type { DialectOptions } from "../rpc/dialect-options.ts";
import type { ListedMember } from "./cluster-id.ts";
import type { OpenDirectory } from "./data-directory.ts";

export interface MemberOptions {
  /** This node's number in the cluster, from 1. */
  readonly node: number;
  /** The members of the first start, this node among them. Undefined: a cluster of one. */
  readonly members: readonly ListedMember[] | undefined;
  /** HOST:PORT of members of a running cluster, to be asked to add this node. Empty: none. */
  readonly join: readonly string[];
  /** Fixed at the first start, since the home of every name depends on it. Undefined: 8, or as then. */
  readonly partitionCount: number | undefined;
  /** Tells this cluster from another with the same members. Undefined: none, or as at the first start. */
  readonly clusterToken: string | undefined;
  /** Of the software, for showing. */
  readonly version: string;
  /** How clients reach the members. */
  readonly urlScheme: "http" | "https";
  /** How the older protocols are served. Default: all of them, as `defaultDialectOptions` has it. */
  readonly dialects?: DialectOptions;
}

export interface MemberPlatform {
  readonly clock: Clock;
  readonly chance: MemberChance;
  /** Given back when the member has stopped. */
  readonly directory: OpenDirectory;
  readonly dialer: PeerDialer & PeerIntroducer;
  /** What an operator should know of; `warn` is for what somebody should look at. */
  readonly log: (level: "info" | "warn", text: string) => void;
  readonly observer?: MemberObserver;
  /** Default: the product's own. Only tests pass others. */
  readonly limits?: Partial<MemberLimits>;
  /**
   * Sees what passes between each partition's log and its state machine, either way: logs are opened
   * by what it returns, which opens them by `open` and has to pass everything on.
   */
  readonly tapLogs?: (open: OpenLog) => OpenLog;
}

/** By which the log lives, and what is kept beside it. */
export interface MemberLimits extends HostLimits {
  /** Changes of one partition that a replica keeps for watches that resume. Default 65,536 (semantics A4). */
  readonly historyChangesMax: number;
}

/** What must not be guessed, or must not be the same twice. */
export interface MemberChance {
  /** For what need not be secret: election timeouts, jitter. */
  seed(): bigint;
  /** A session's id, which is a bearer secret: 64 bits, never 0. */
  sessionId(): bigint;
  /** Tells a data directory from one that had its place before, in hex. */
  nonce(): string;
  /** Tells a data directory that was made later from those before it at its place: 32 bits, never 0. */
  incarnation(): number;
}

/** What is counted. Calls come from the loop and must not throw. */
export interface MemberObserver {
  readonly host: HostObserver;
  readonly node: NodeObserver;
  /** A beat of the loop came, so many milliseconds late. */
  beat(lateMs: number): void;
}
