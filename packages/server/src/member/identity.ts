// SPDX-License-Identifier: Apache-2.0
/**
 * Who a data directory is: the node, the incarnation and the cluster that it was made for.
 *
 * Values only: `data-directory.ts` keeps them, formation changes them. What stands here wins over the
 * flags of every start but the first (decision 0013).
 */

import type { Member } from "@conclave/fsm";
import { bytesOfHex, type FormationState, hexOf } from "../wire/introduction.ts";
import { clusterIdOf, type ListedMember } from "./cluster-id.ts";

export interface NodeIdentity {
  readonly node: number;
  /** 0 for the members of a first start; for any directory made later a random number. */
  readonly incarnation: number;
  /** In hex. */
  readonly clusterId: string;
  readonly partitionCount: number;
  /** As the first start listed them. Empty for a cluster of one without a list, and after `--join`. */
  readonly members: readonly ListedMember[];
  /** Drawn when the directory was made: tells it from one that had its place before. In hex. */
  readonly nonce: string;
  readonly state: FormationState;
  /** The nonces of the directories of which the cluster was formed, by node. */
  readonly recorded: Readonly<Record<string, string>>;
  /** The members as partition 1 last told: whom to dial before it can tell again. Empty: as listed. */
  readonly known: readonly Member[];
  /** The index of partition 1 for which that holds. */
  readonly knownAsOf: number;
  /** The log here is of an incarnation before this one: not to be read, only to be kept. */
  readonly isLogStale: boolean;
  /** The SHA-256, in hex, of the backup that the cluster began with. */
  readonly restoredFrom?: string;
}

/** What the flags of a start say; undefined where they are silent. */
export interface WantedIdentity {
  readonly node: number;
  readonly members: readonly ListedMember[] | undefined;
  readonly partitionCount: number | undefined;
  readonly token: string | undefined;
}

/** How many partitions a cluster has whose first start does not say. */
const PARTITIONS_DEFAULT = 8;

/** The identity of a directory that begins a cluster; one that joins begins with what it is told. */
export function firstIdentity(
  wanted: WantedIdentity,
  { nonce, restoredFrom }: Pick<NodeIdentity, "nonce" | "restoredFrom">,
): NodeIdentity {
  const { node, members } = wanted;
  const partitionCount = wanted.partitionCount ?? PARTITIONS_DEFAULT;
  const from = restoredFrom === undefined ? {} : { restoredFrom };
  const parts = { members: members ?? node, partitionCount, token: wanted.token ?? "", ...from };
  return {
    node,
    incarnation: 0,
    clusterId: hexOf(clusterIdOf(parts)),
    partitionCount,
    members: members ?? [],
    nonce,
    // With nobody to wait for it is a cluster at once.
    state: members === undefined || members.length === 1 ? "formed" : "unformed",
    recorded: {},
    known: [],
    knownAsOf: 0,
    isLogStale: false,
    ...from,
  };
}

/** What differs between a directory and the flags that it is started with, for people. */
export function differenceOf(found: NodeIdentity, wanted: WantedIdentity): string | undefined {
  if (found.node !== wanted.node) return `it belongs to node ${found.node}, not ${wanted.node}`;
  const { members, partitionCount, token } = wanted;
  if (partitionCount !== undefined && found.partitionCount !== partitionCount) {
    return `it was made with ${found.partitionCount} partitions, not ${partitionCount}; their number is fixed at the first start`;
  }
  if (members !== undefined) {
    const difference = listDifference(found, members);
    if (difference !== undefined) {
      return `${difference}; --cluster is for the first start only: leave it out, and change members with "conclave cluster"`;
    }
  }
  // What a cluster that was joined was told at its first start is not known here.
  if (token === undefined || isJoined(found)) return undefined;
  const { restoredFrom } = found;
  const parts = {
    members: found.members.length === 0 ? found.node : found.members,
    partitionCount: found.partitionCount,
    token,
    ...(restoredFrom === undefined ? {} : { restoredFrom }),
  };
  const isSame = hexOf(clusterIdOf(parts)) === found.clusterId;
  return isSame ? undefined : "it was made with another cluster token";
}

/** Whom to dial, and who may call, until partition 1 tells. */
export function membersOf({ known, members }: NodeIdentity): readonly Member[] {
  if (known.length > 0) return known;
  return members.map((member) => ({ ...member, incarnation: 0 }));
}

/** The cluster's id as the log's files hold it. */
export function clusterIdBytes({ clusterId }: NodeIdentity): Uint8Array {
  return bytesOfHex(clusterId);
}

/** Whether nobody else can know what this directory has lost: the one member of its cluster. */
export function isAlone(identity: NodeIdentity): boolean {
  const others = membersOf(identity).filter(({ node }) => node !== identity.node);
  return others.length === 0 && !isJoined(identity);
}

/** It was never told a list, and is not alone: its number is not that of a first start. */
function isJoined({ incarnation, members }: NodeIdentity): boolean {
  return incarnation !== 0 && members.length === 0;
}

function listDifference(found: NodeIdentity, listed: readonly ListedMember[]): string | undefined {
  if (isJoined(found)) return "it joined a running cluster";
  if (found.members.length === 0) return "it was made for a cluster of one, without a list";
  for (const { node, address } of listed) {
    const before = found.members.find((member) => member.node === node);
    if (before === undefined) return `node ${node} was not in the list of its first start`;
    if (before.address !== address) {
      return `the list of its first start has node ${node} at ${before.address}, not ${address}`;
    }
  }
  const missing = found.members.find(({ node }) => !listed.some((member) => member.node === node));
  return missing && `the list of its first start has node ${missing.node} too`;
}
