// SPDX-License-Identifier: Apache-2.0
/**
 * Makes the log of a new cluster that begins with a state: each group a snapshot that ends with
 * index 1, as if an entry of raftTerm 1 had brought it about.
 *
 * Every member of the new cluster makes its own, from the same state, so that all logs agree.
 */

import { assert } from "@conclave/base";
import type { GroupId, ReplicaId } from "../ids.ts";
import type { LogRecord } from "./log-record.ts";
import { type LogStore, openStore, type StoreOptions } from "./log-store.ts";

export interface InitialState {
  readonly group: GroupId;
  readonly chunks: Iterable<Uint8Array>;
}

export interface InitialOptions {
  readonly disk: StoreOptions["disk"];
  readonly clusterId: Uint8Array;
  /** The members of the new cluster, in every group. */
  readonly voters: readonly ReplicaId[];
}

export type InitialOutcome =
  | { readonly kind: "written" }
  /** The directory holds a log already, or the disk refused. What was begun is of no use. */
  | { readonly kind: "refused"; readonly detail: string };

const HEAD = { index: 1, raftTerm: 1 };
const SEGMENT_BYTES = 1 << 20;

/** Durable, all of it, when it answers `written`. `states` are taken one after the other. */
export async function writeInitialSnapshots(
  options: InitialOptions,
  states: AsyncIterable<InitialState> | Iterable<InitialState>,
): Promise<InitialOutcome> {
  const { disk, clusterId } = options;
  const listed = await disk.list();
  const isMissing = listed.kind === "fault" && listed.reason === "missing";
  if (listed.kind === "fault" && !isMissing) return { kind: "refused", detail: listed.detail };
  if (listed.kind === "ok" && listed.value.some((name) => !name.endsWith(".sock"))) {
    return { kind: "refused", detail: "the directory holds a log already" };
  }
  const limits = { segmentBytes: SEGMENT_BYTES, recoveryCacheBytesMax: 0 };
  const opened = await openStore({ disk, clusterId, ...limits });
  if (opened.kind === "rotten") return { kind: "refused", detail: "the directory is damaged" };
  if (opened.kind === "refused") return { kind: "refused", detail: opened.detail };
  const { store } = opened;
  const refusal = await writeAll(store, options.voters, states);
  await store.close();
  return refusal ?? { kind: "written" };
}

async function writeAll(
  store: LogStore,
  voters: readonly ReplicaId[],
  states: AsyncIterable<InitialState> | Iterable<InitialState>,
): Promise<InitialOutcome | undefined> {
  const hardStates: LogRecord[] = [];
  for await (const { group, chunks } of states) {
    const configuration = { voters, outgoing: [], learners: [] };
    const begun = await store.beginSnapshot(group, { ...HEAD, configuration });
    if (begun.kind === "fault") return { kind: "refused", detail: begun.detail };
    const writer = begun.value;
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        const part = chunk.subarray(at, at + writer.roomBytes);
        await writer.append(part);
        at += part.length;
      }
    }
    const kept = await store.keepSnapshot(group, writer);
    if (kept.kind === "fault") return { kind: "refused", detail: kept.detail };
    // R3: no raftTerm of the log is later than the member's own.
    const hardState = { raftTerm: HEAD.raftTerm, votedFor: undefined };
    hardStates.push({ kind: "hard-state", group, hardState });
  }
  assert(hardStates.length > 0, "S9: a log begins with a state of every group, or with none");
  const appended = await store.append(hardStates);
  if (appended.kind === "synced") return undefined;
  return {
    kind: "refused",
    detail: appended.kind === "failed" ? appended.detail : "the disk is full",
  };
}
