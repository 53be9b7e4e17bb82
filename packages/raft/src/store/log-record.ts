// SPDX-License-Identifier: Apache-2.0
/** What a group asks the store to keep: entries of its log, and its raftTerm and vote. */

import { assert } from "@conclave/base";
import type { GroupId } from "../ids.ts";
import type { HardState, LogEntry } from "../log/entry.ts";
import { FRAME_BYTES, getUint53, RECORD_TYPE, type RecordWriter, setUint53 } from "./record.ts";

export type LogRecord =
  | { readonly kind: "hard-state"; readonly group: GroupId; readonly hardState: HardState }
  | { readonly kind: "entry"; readonly group: GroupId; readonly entry: LogEntry };

/** A group's hard state and last index, restated at the top of each segment. */
export interface Checkpoint {
  readonly hardState: HardState;
  readonly lastIndex: number;
}

export const ENTRY_PREFIX_BYTES = 16;
const HARD_STATE_BYTES = 12;
const CHECKPOINT_BYTES = 20;

/** The room that a checkpoint takes in a segment. */
export const CHECKPOINT_RECORD_BYTES: number = FRAME_BYTES + CHECKPOINT_BYTES;

export function recordBytesOf(record: LogRecord): number {
  const payload =
    record.kind === "entry" ? ENTRY_PREFIX_BYTES + record.entry.bytes.length : HARD_STATE_BYTES;
  return FRAME_BYTES + payload;
}

export function writeLogRecord(writer: RecordWriter, record: LogRecord): void {
  const { group } = record;
  assert(group > 0, "a record of the log belongs to a group");
  if (record.kind === "hard-state") {
    writer.add(RECORD_TYPE.hardState, group, HARD_STATE_BYTES, (view, at) => {
      putHardState(view, at, record.hardState);
    });
    return;
  }
  const { entry } = record;
  const payloadBytes = ENTRY_PREFIX_BYTES + entry.bytes.length;
  writer.add(RECORD_TYPE[entry.type], group, payloadBytes, (view, at, bytes) => {
    setUint53(view, at, entry.index);
    setUint53(view, at + 8, entry.raftTerm);
    bytes.set(entry.bytes, at + ENTRY_PREFIX_BYTES);
  });
}

export function writeCheckpoint(
  writer: RecordWriter,
  group: GroupId,
  checkpoint: Checkpoint,
): void {
  writer.add(RECORD_TYPE.checkpoint, group, CHECKPOINT_BYTES, (view, at) => {
    putHardState(view, at, checkpoint.hardState);
    setUint53(view, at + HARD_STATE_BYTES, checkpoint.lastIndex);
  });
}

export function hardStateAt(view: DataView, at: number): HardState {
  const votedFor = view.getUint32(at + 8, true);
  return { raftTerm: getUint53(view, at), votedFor: votedFor === 0 ? undefined : votedFor };
}

export function checkpointAt(view: DataView, at: number): Checkpoint {
  return {
    hardState: hardStateAt(view, at),
    lastIndex: getUint53(view, at + HARD_STATE_BYTES),
  };
}

function putHardState(view: DataView, at: number, hardState: HardState): void {
  setUint53(view, at, hardState.raftTerm);
  view.setUint32(at + 8, hardState.votedFor ?? 0, true);
}
