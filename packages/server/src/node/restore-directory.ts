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

import { createReadStream } from "node:fs";
import { restoreCluster, snapshot } from "@conclave/fsm";
import { type InitialState, replicaIdOf, writeInitialSnapshots } from "@conclave/raft";
import type { ListedMember } from "../member/cluster-id.ts";
import { type OpenDirectory, openDirectory } from "../member/data-directory.ts";
import { clusterIdBytes, firstIdentity, type NodeIdentity } from "../member/identity.ts";
import { checkBackup, readStates, type SoundBackup } from "../replica/backup.ts";
import type { BackupFault } from "../replica/backup-format.ts";
import { frameChunks } from "../replica/snapshot-frames.ts";
import { createFileDirectory } from "./file-directory.ts";
import { systemChance } from "./system-clock.ts";

/** `unreadable`: the file is not there, or the system keeps it from us. */
export type BackupRefusal = BackupFault | { readonly kind: "unreadable"; readonly detail: string };

export interface RestoreOptions {
  readonly file: string;
  readonly dataDirectory: string;
  readonly node: number;
  /** The members of the new cluster, this node among them. Undefined: a cluster of one. */
  readonly members: readonly ListedMember[] | undefined;
  /** Never the old cluster's: not empty. */
  readonly clusterToken: string;
}

export type RestoreOutcome =
  | {
      readonly kind: "restored";
      /** Of the new cluster, in hex. */
      readonly clusterId: string;
      readonly backup: SoundBackup;
    }
  /** The directory was used before, or another process has it; or the disk refused. */
  | { readonly kind: "in-use" | "disk"; readonly detail: string }
  | BackupRefusal;

/** Reads a whole backup, every state in it too, and says what it holds. */
export async function verifyBackup(file: string): Promise<SoundBackup | BackupRefusal> {
  try {
    return await checkBackup(createReadStream(file));
  } catch (error) {
    return unreadable(error);
  }
}

/** Makes the directory, or leaves it as it was where it must not be made. */
export async function restoreDirectory(options: RestoreOptions): Promise<RestoreOutcome> {
  // Twice through the file: its checksum, which comes last, stands in all that is written.
  const backup = await verifyBackup(options.file);
  if (backup.kind !== "sound") return backup;
  const opened = await openDirectory(createFileDirectory(options.dataDirectory));
  if (opened.kind === "fault") {
    if (opened.reason === "locked") return { kind: "in-use", detail: "another process has it" };
    return { kind: "disk", detail: opened.detail };
  }
  try {
    return await restoreInto(opened, options, backup);
  } finally {
    await opened.close();
  }
}

async function restoreInto(
  directory: OpenDirectory,
  options: RestoreOptions,
  backup: SoundBackup,
): Promise<RestoreOutcome> {
  if (directory.found.kind !== "none") {
    return { kind: "in-use", detail: "it holds a node's data already; give an empty one" };
  }
  const identity = identityOf(options, backup);
  const voters = (options.members ?? [{ node: options.node }]).map(({ node }) =>
    replicaIdOf(node, 0),
  );
  const disk = directory.log();
  const clusterId = clusterIdBytes(identity);
  const written = await writeInitialSnapshots(
    { disk, clusterId, voters },
    initialStates(options.file),
  );
  if (written.kind === "refused") return { kind: "disk", detail: written.detail };
  const fault = await directory.save(identity);
  if (fault !== undefined) return { kind: "disk", detail: fault.detail };
  return { kind: "restored", clusterId: identity.clusterId, backup };
}

function identityOf(options: RestoreOptions, backup: SoundBackup): NodeIdentity {
  const { node, members, clusterToken } = options;
  const { partitionCount, digest } = backup;
  const restoredFrom = Buffer.from(digest).toString("hex");
  const wanted = { node, members, partitionCount, token: clusterToken };
  return firstIdentity(wanted, { nonce: systemChance.nonce(), restoredFrom });
}

async function* initialStates(file: string): AsyncGenerator<InitialState> {
  for await (const item of readStates(createReadStream(file))) {
    if (item.kind === "whole") return;
    // It was sound a moment ago.
    if (item.kind !== "state")
      throw new Error(`the backup changed while it was read: ${item.detail}`);
    restoreCluster(item.state);
    yield { group: item.partition, chunks: frameChunks(snapshot(item.state)) };
  }
}

function unreadable(error: unknown): BackupRefusal {
  const { code, message } = error as NodeJS.ErrnoException;
  // Anything that is not the system's answer is a bug and goes on up.
  if (code === undefined) throw error;
  return { kind: "unreadable", detail: message };
}
