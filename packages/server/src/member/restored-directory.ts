// SPDX-License-Identifier: Apache-2.0
/**
 * Makes the data directory of one node of a new cluster from a backup of another (semantics A4).
 *
 * Each node of the new cluster is made so, from the same file: the file's checksum goes into the
 * cluster's id, so that nodes made from different files refuse each other. The new cluster is not the
 * old one: all elections come up vacant, and every term begins far above those of the old one.
 *
 * The identity is written last. A directory that was left half made holds a log without an identity,
 * which no start takes for sound.
 */

import { restoreCluster, snapshot } from "@conclave/fsm";
import { type InitialState, replicaIdOf, writeInitialSnapshots } from "@conclave/raft";
import { checkBackup, readStates, type SoundBackup } from "../replica/backup.ts";
import type { BackupFault } from "../replica/backup-format.ts";
import { frameChunks } from "../replica/snapshot-frames.ts";
import type { ListedMember } from "./cluster-id.ts";
import { type DataDirectory, type OpenDirectory, openDirectory } from "./data-directory.ts";
import { clusterIdBytes, firstIdentity, type NodeIdentity } from "./identity.ts";

export interface RestoredNode {
  readonly node: number;
  /** The members of the new cluster, this node among them. Undefined: a cluster of one. */
  readonly members: readonly ListedMember[] | undefined;
  /** Never the old cluster's: not empty. */
  readonly clusterToken: string;
}

export type DirectoryRestored =
  | {
      readonly kind: "restored";
      /** Of the new cluster, in hex. */
      readonly clusterId: string;
      readonly backup: SoundBackup;
    }
  /** The directory was used before, or another process has it; or the disk refused. */
  | { readonly kind: "in-use" | "disk"; readonly detail: string }
  | BackupFault;

/**
 * Makes the directory, or leaves it as it was where it must not be made.
 *
 * @param read the backup from its beginning, each time anew: it is gone through twice, since its
 * checksum, which comes last, stands in all that is written
 * @param nonce tells the directory from one that had its place before, in hex
 */
export async function restoreInto(
  directory: DataDirectory,
  wanted: RestoredNode,
  read: () => AsyncIterable<Uint8Array>,
  nonce: string,
): Promise<DirectoryRestored> {
  const backup = await checkBackup(read());
  if (backup.kind !== "sound") return backup;
  const opened = await openDirectory(directory);
  if (opened.kind === "fault") {
    if (opened.reason === "locked") return { kind: "in-use", detail: "another process has it" };
    return { kind: "disk", detail: opened.detail };
  }
  try {
    return await fill(opened, identityOf(wanted, backup, nonce), backup, read());
  } finally {
    await opened.close();
  }
}

async function fill(
  directory: OpenDirectory,
  identity: NodeIdentity,
  backup: SoundBackup,
  source: AsyncIterable<Uint8Array>,
): Promise<DirectoryRestored> {
  if (directory.found.kind !== "none") {
    return { kind: "in-use", detail: "it holds a node's data already; give an empty one" };
  }
  const { node, members } = identity;
  const voters = members.length === 0 ? [node] : members.map((member) => member.node);
  const written = await writeInitialSnapshots(
    {
      disk: directory.log(),
      clusterId: clusterIdBytes(identity),
      voters: voters.map((voter) => replicaIdOf(voter, 0)),
    },
    initialStates(source),
  );
  if (written.kind === "refused") return { kind: "disk", detail: written.detail };
  const fault = await directory.save(identity);
  if (fault !== undefined) return { kind: "disk", detail: fault.detail };
  return { kind: "restored", clusterId: identity.clusterId, backup };
}

function identityOf(
  { node, members, clusterToken }: RestoredNode,
  { partitionCount, digest }: SoundBackup,
  nonce: string,
): NodeIdentity {
  const restoredFrom = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const wanted = { node, members, partitionCount, token: clusterToken };
  return firstIdentity(wanted, { nonce, restoredFrom });
}

async function* initialStates(source: AsyncIterable<Uint8Array>): AsyncGenerator<InitialState> {
  for await (const item of readStates(source)) {
    if (item.kind === "whole") return;
    // It was sound a moment ago.
    if (item.kind !== "state")
      throw new Error(`the backup changed while it was read: ${item.detail}`);
    restoreCluster(item.state);
    yield { group: item.partition, chunks: frameChunks(snapshot(item.state)) };
  }
}
