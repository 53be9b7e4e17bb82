// SPDX-License-Identifier: Apache-2.0
/**
 * Takes a backup of the partitions of a running node, and reads one back into states.
 *
 * A backup is taken behind a quorum round, so it holds everything that was acknowledged before it was
 * asked for. Partitions are taken one after the other: each is a point of its own history.
 */

import type { Clock } from "@conclave/base";
import { type PartitionState, restore, snapshot } from "@conclave/fsm";
import { type BackupFault, type BackupHeader, BackupWriter, readBackup } from "./backup-format.ts";
import type { MembershipLog } from "./membership-log.ts";
import type { PartitionReplica } from "./partition-replica.ts";
import type { ReadFailure } from "./reads.ts";

export interface BackupSource {
  readonly partition: Pick<PartitionReplica, "number" | "barrier" | "state">;
  readonly log: Pick<MembershipLog, "hold">;
}

/** How long the walk through a state may keep the loop before it rests: as the log's own snapshots. */
const SLICE_MS = 4;

/** Why a backup ends before its end: `partition` could not be read at a point that is sure. */
export interface BackupRefusal extends ReadFailure {
  readonly partition: number;
}

/** The bytes of the file, in order. After a refusal nothing follows, and what came is no backup. */
export async function* takeBackup(
  sources: readonly BackupSource[],
  header: BackupHeader,
  giveUpAtMs: () => number,
  clock: Clock,
): AsyncGenerator<Uint8Array | BackupRefusal, void, undefined> {
  const writer = new BackupWriter();
  yield writer.begin(header);
  for (const { partition, log } of sources) {
    const reached = await reach(partition, log, giveUpAtMs());
    if (reached.kind === "failed") {
      yield { ...reached, partition: partition.number };
      return;
    }
    const { revision } = partition.state;
    // Into memory first: whoever reads the stream slowly must not hold the partition up.
    const chunks = await walk(partition.state, clock).finally(reached.release);
    yield writer.partition(partition.number, revision);
    for (const chunk of chunks) yield writer.chunk(chunk);
  }
  yield writer.end();
}

/** Waits for a quorum round and holds the state as it is then. */
function reach(
  partition: BackupSource["partition"],
  log: BackupSource["log"],
  giveUpAtMs: number,
): Promise<{ readonly kind: "held"; readonly release: () => void } | ReadFailure> {
  return new Promise((resolve) => {
    partition.barrier({
      giveUpAtMs,
      waitsForLeader: true,
      settle(outcome) {
        if (outcome.kind === "failed") resolve(outcome);
        else resolve({ kind: "held", release: log.hold() });
      },
    });
  });
}

async function walk(state: PartitionState, clock: Clock): Promise<readonly Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  let restAtMs = clock.monotonicMs() + SLICE_MS;
  for (const chunk of snapshot(state)) {
    chunks.push(chunk);
    if (clock.monotonicMs() < restAtMs) continue;
    await new Promise<void>((resolve) => void clock.setTimer(0, resolve));
    restAtMs = clock.monotonicMs() + SLICE_MS;
  }
  return chunks;
}

/** What a partition in a backup holds, for people. */
interface BackupCounts {
  readonly partition: number;
  readonly revision: bigint;
  readonly elections: number;
  /** Elections with a leader. */
  readonly led: number;
  readonly candidates: number;
  readonly sessions: number;
}

export interface SoundBackup extends BackupHeader {
  readonly kind: "sound";
  /** Of the whole file. */
  readonly digest: Uint8Array;
  readonly partitions: readonly BackupCounts[];
}

/** Reads a whole backup and restores every state in it, one after the other, to see that it can be. */
export async function checkBackup(
  source: AsyncIterable<Uint8Array>,
): Promise<SoundBackup | BackupFault> {
  const partitions: BackupCounts[] = [];
  for await (const item of readStates(source)) {
    switch (item.kind) {
      case "state":
        partitions.push(countsOf(item.partition, item.state));
        break;
      case "whole":
        return { ...item.header, kind: "sound", digest: item.digest, partitions };
      default:
        return item;
    }
  }
  return { kind: "damaged", detail: "it has no end" };
}

export type BackupState =
  | { readonly kind: "state"; readonly partition: number; readonly state: PartitionState }
  /** The last one: every partition was there, and every byte as it was written. */
  | { readonly kind: "whole"; readonly header: BackupHeader; readonly digest: Uint8Array }
  | BackupFault;

/** The states of a backup in the order of their partitions. */
export async function* readStates(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<BackupState, void, undefined> {
  let header: BackupHeader | undefined;
  let partition = 0;
  let chunks: Uint8Array[] = [];
  for await (const item of readBackup(source)) {
    if (item.kind === "damaged" || item.kind === "newer") {
      yield item;
      return;
    }
    if (item.kind === "header") {
      const { clusterId, partitionCount, savedMs } = item;
      header = { clusterId, partitionCount, savedMs };
    } else if (item.kind === "chunk") {
      chunks.push(item.bytes);
    } else {
      const before = partition === 0 ? undefined : stateOf(partition, chunks);
      if (before !== undefined) yield before;
      if (before !== undefined && before.kind !== "state") return;
      const number = item.kind === "end" ? (header?.partitionCount ?? 0) + 1 : item.number;
      if (number !== partition + 1 || header === undefined) {
        yield { kind: "damaged", detail: `partition ${partition + 1} is missing` };
        return;
      }
      if (item.kind === "end") yield { kind: "whole", header, digest: item.digest };
      partition = number;
      chunks = [];
    }
  }
}

function stateOf(partition: number, chunks: readonly Uint8Array[]): BackupState {
  const restored = restore(chunks);
  if (restored.kind === "restored") return { kind: "state", partition, state: restored.state };
  const detail = `partition ${partition}: ${restored.detail}`;
  return { kind: restored.reason === "damaged" ? "damaged" : "newer", detail };
}

function countsOf(partition: number, state: PartitionState): BackupCounts {
  let led = 0;
  let candidates = 0;
  for (const { queue } of state.elections.values()) {
    if (queue.length > 0) led += 1;
    candidates += queue.length;
  }
  const { revision, elections, sessions } = state;
  return {
    partition,
    revision,
    elections: elections.size,
    led,
    candidates,
    sessions: sessions.size,
  };
}
