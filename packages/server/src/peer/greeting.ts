// SPDX-License-Identifier: Apache-2.0
/** The first frame of a stream: who calls, and whether the one who is called takes it. */

import { type Hello, Lane as LaneMessage } from "@conclave/api/peer";
import type { Member } from "@conclave/fsm";
import { hexOf, PEER_PROTOCOL_VERSION } from "../wire/introduction.ts";
import { countOf, isAddress, isNodeId } from "../wire/malformed.ts";
import type { PeerRefusal, PeerRefusalReason } from "./refusal.ts";

/** Snapshots have a stream of their own, so that nothing waits behind them. */
export type Lane = "messages" | "snapshots";

/** This node, as it introduces itself. */
export interface Self extends Member {
  readonly clusterId: Uint8Array;
  /** Of the software, for showing. */
  readonly version: string;
}

/** The members of the cluster as a node knows them. */
export interface MemberList {
  readonly members: ReadonlyMap<number, Member>;
  /** The index of partition 1 for which that holds. */
  readonly asOf: number;
}

/** Who called, once its greeting has been found good. */
export interface Caller extends Member {
  readonly version: string;
  readonly lane: Lane;
  readonly membersAsOf: number;
}

const LANES: Record<Lane, LaneMessage> = {
  messages: LaneMessage.MESSAGES,
  snapshots: LaneMessage.SNAPSHOTS,
};

export function helloOf(self: Self, toNode: number, membersAsOf: number, lane: Lane): Hello {
  return {
    $typeName: "conclave.peer.v1.Hello",
    protocolVersion: PEER_PROTOCOL_VERSION,
    version: self.version,
    clusterId: Uint8Array.from(self.clusterId),
    fromNode: self.node,
    fromIncarnation: self.incarnation,
    fromAddress: self.address,
    membersAsOf: BigInt(membersAsOf),
    toNode,
    lane: LANES[lane],
  };
}

/**
 * Takes the caller, or says why not.
 *
 * A caller that is not on the list is taken all the same if its own list is newer: this node may have
 * missed the change that brought it in, and may be needed, by its vote, to ever hear of it.
 */
export function admit(hello: Hello, self: Self, list: MemberList): Caller | PeerRefusal {
  const { protocolVersion, version, fromNode: node, fromIncarnation, fromAddress } = hello;
  if (protocolVersion !== PEER_PROTOCOL_VERSION) {
    const detail = `protocol ${protocolVersion} of version ${version}; version ${self.version} speaks ${PEER_PROTOCOL_VERSION}`;
    return refuse("protocol-version", detail);
  }
  const theirs = hexOf(hello.clusterId);
  const ours = hexOf(self.clusterId);
  if (theirs !== ours) {
    const detail = `its cluster is ${shortened(theirs)}, this one's ${shortened(ours)}`;
    return refuse("foreign-cluster", detail);
  }
  const lane = laneOf(hello.lane);
  const membersAsOf = countOf(hello.membersAsOf);
  if (!isNodeId(node) || !isAddress(fromAddress) || lane === undefined || membersAsOf < 0) {
    return refuse("malformed", "the greeting");
  }
  if (hello.toNode !== self.node || node === self.node) {
    return refuse("other-node", `this is node ${self.node}, not ${hello.toNode}`);
  }
  const caller = { node, incarnation: fromIncarnation, address: fromAddress };
  const member = list.members.get(node);
  const isListed = member?.incarnation === fromIncarnation;
  if (isListed || membersAsOf > list.asOf) return { ...caller, version, lane, membersAsOf };
  if (member === undefined) return refuse("not-a-member", `node ${node} is not a member`);
  const detail = `node ${node} has incarnation ${fromIncarnation}, the member ${member.incarnation}`;
  return refuse("other-incarnation", detail);
}

function laneOf(lane: LaneMessage): Lane | undefined {
  if (lane === LaneMessage.MESSAGES) return "messages";
  return lane === LaneMessage.SNAPSHOTS ? "snapshots" : undefined;
}

function refuse(reason: PeerRefusalReason, detail: string): PeerRefusal {
  return { reason, detail };
}

function shortened(hex: string): string {
  return `${hex.slice(0, 12)}…`;
}
