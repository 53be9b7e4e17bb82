// SPDX-License-Identifier: Apache-2.0
/** Backups on this machine, without a server: looking into one, and beginning a cluster from it. */

import { type BackupRefusal, restoreDirectory, verifyBackup } from "@conclave/server/node";
import { readMemberList } from "./member-list.ts";

/** What a partition in a backup holds. */
interface BackupPartition {
  readonly partition: number;
  readonly revision: bigint;
  readonly elections: number;
  /** Elections with a leader. */
  readonly led: number;
  readonly candidates: number;
  readonly sessions: number;
}

export interface SoundBackup {
  readonly kind: "sound";
  /** Of the cluster that it was taken from, in hex. */
  readonly clusterId: string;
  readonly savedMs: number;
  /** What the file ends with, in hex: names it, and a cluster that is made from it. */
  readonly digest: string;
  readonly partitions: readonly BackupPartition[];
}

/** Reads every byte and restores every state in memory. */
export async function verifySnapshot(file: string): Promise<SoundBackup | BackupRefusal> {
  const backup = await verifyBackup(file);
  return backup.kind === "sound" ? soundOf(backup) : backup;
}

export interface RestoreRequest {
  readonly file: string;
  readonly dataDirectory: string;
  readonly node: number;
  /** As the server's `--cluster`; undefined: a cluster of one. */
  readonly cluster: string | undefined;
  readonly clusterToken: string;
}

export type RestoreAnswer =
  | { readonly kind: "restored"; readonly clusterId: string; readonly backup: SoundBackup }
  /** One line for each. */
  | { readonly kind: "faults"; readonly faults: readonly string[] }
  | { readonly kind: "in-use" | "disk"; readonly detail: string }
  | BackupRefusal;

/** Makes the data directory of one node; every node of the new cluster from the same file. */
export async function restoreSnapshot(request: RestoreRequest): Promise<RestoreAnswer> {
  const { cluster, node, clusterToken } = request;
  const listed = cluster === undefined ? undefined : readMemberList(cluster);
  const faults =
    listed?.kind === "faults" ? listed.faults.map((fault) => `--cluster ${fault}`) : [];
  const members = listed?.kind === "list" ? listed.members : undefined;
  if (members !== undefined && !members.some((member) => member.node === node)) {
    faults.push(`--cluster does not list node ${node}`);
  }
  if (clusterToken === "") {
    faults.push("--cluster-token must not be empty: the new cluster needs one of its own");
  }
  if (faults.length > 0) return { kind: "faults", faults };
  const outcome = await restoreDirectory({ ...request, members });
  if (outcome.kind !== "restored") return outcome;
  return { ...outcome, backup: soundOf(outcome.backup) };
}

function soundOf(backup: Extract<Awaited<ReturnType<typeof verifyBackup>>, { kind: "sound" }>) {
  const { savedMs, partitions } = backup;
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  return {
    kind: "sound" as const,
    clusterId: hex(backup.clusterId),
    savedMs,
    digest: hex(backup.digest),
    partitions,
  };
}
