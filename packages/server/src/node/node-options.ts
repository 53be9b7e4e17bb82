// SPDX-License-Identifier: Apache-2.0
/** What a node is told to do, what it answers, and why it may not start or go on. Types only. */

import type { ListedMember } from "../member/cluster-id.ts";
import type { Failure, MemberFailureReason } from "../member/member-failure.ts";
import type { DialectOptions } from "../rpc/dialect-options.ts";

export interface NodeOptions {
  /** This node's number in the cluster, from 1. */
  readonly node: number;
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
  /** Where others reach this node, HOST:PORT. Undefined: where it listens. */
  readonly address: string | undefined;
  /** The members of the first start, this node among them. Undefined: a cluster of one. */
  readonly members: readonly ListedMember[] | undefined;
  /** Origins of members of a running cluster, to be asked to add this node. Empty: none. */
  readonly join: readonly string[];
  readonly tls?: {
    readonly certificate: string;
    readonly key: string;
    /** PEM. Whom to trust as another member; undefined: whom the machine trusts. */
    readonly authority: string | undefined;
  };
  /** Made if it is missing; belongs to this process alone. */
  readonly dataDirectory: string;
  /** Fixed at the first start, since the home of every name depends on it. Undefined: 8, or as then. */
  readonly partitionCount: number | undefined;
  /** Tells this cluster from another with the same members. Undefined: none, or as at the first start. */
  readonly clusterToken: string | undefined;
  /** Where another member's address is dialled. Default: there itself. For proxies that tests put between. */
  readonly route?: (address: string) => string;
  /** How the older protocols are served. Default: all of them, as `defaultDialectOptions` has it. */
  readonly dialects?: DialectOptions;
  /** Origins whose pages may call, besides this node's own. */
  readonly corsOrigins: readonly string[];
  /** Where the console's files are. Undefined: there is none to serve. */
  readonly consoleDirectory: string | undefined;
  /** Of the software, for showing. */
  readonly version: string;
  /** What an operator should know of; `warn` is for what somebody should look at. */
  readonly log: (level: "info" | "warn", message: string) => void;
}

export interface StartedNode {
  readonly kind: "started";
  /** Where it accepts calls, with the real port. */
  readonly url: string;
  /** Resolves if it cannot go on, with why; the process should end. */
  readonly failed: Promise<NodeFailure>;
  /**
   * Stops gracefully: not ready, leaderships handed over, no new connections, streams are told and
   * end, what is under way ends within `graceMs`, the log is closed. Default 10 s, above the 5 s that
   * a command may take.
   */
  stop(graceMs?: number): Promise<void>;
}

/**
 * What a member may say, and:
 *
 * - `address-in-use`: another process has the port.
 * - `not-bindable`: the address is not this machine's, needs privileges, or TLS is set up wrongly.
 * - `misplaced`: the other members would look for it elsewhere.
 */
export type NodeFailureReason =
  | MemberFailureReason
  | "address-in-use"
  | "not-bindable"
  | "misplaced";

export type NodeFailure = Failure<NodeFailureReason>;
