// SPDX-License-Identifier: Apache-2.0
/** What a group asks the store to keep: its log's entries, its raftTerm and vote, and its log's end. */

import { assert } from "@conclave/base";
import type { GroupId } from "../ids.ts";
import type { HardState, LogEntry } from "../log/entry.ts";
import { FRAME_BYTES, getUint53, RECORD_TYPE, type RecordWriter, setUint53 } from "./record.ts";

/** The entry that a log begins behind. */
export interface LogBase {
  readonly index: number;
  readonly raftTerm: number;
}

export type LogRecord =
  | { readonly kind: "hard-state"; readonly group: GroupId; readonly hardState: HardState }
  | { readonly kind: "entry"; readonly group: GroupId; readonly entry: LogEntry }
  /** All entries before this record are void: an installed snapshot that ends with `base` replaced them. */
  | { readonly kind: "reset"; readonly group: GroupId; readonly base: LogBase };

/** A group's hard state and last index, restated at the top of each segment. */
export interface Checkpoint {
  readonly hardState: HardState;
  readonly lastIndex: number;
}

export const ENTRY_PREFIX_BYTES = 16;
const HARD_STATE_BYTES = 16;
const CHECKPOINT_BYTES = HARD_STATE_BYTES + 8;
const RESET_BYTES = 16;

/** The room that a checkpoint takes in a segment. */
export const CHECKPOINT_RECORD_BYTES: number = FRAME_BYTES + CHECKPOINT_BYTES;

export function recordBytesOf(record: LogRecord): number {
  return FRAME_BYTES + payloadBytesOf(record);
}

function payloadBytesOf(record: LogRecord): number {
  if (record.kind === "hard-state") return HARD_STATE_BYTES;
  return record.kind === "reset" ? RESET_BYTES : ENTRY_PREFIX_BYTES + record.entry.bytes.length;
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
  if (record.kind === "reset") {
    writer.add(RECORD_TYPE.reset, group, RESET_BYTES, (view, at) => {
      setUint53(view, at, record.base.index);
      setUint53(view, at + 8, record.base.raftTerm);
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

export function baseAt(view: DataView, at: number): LogBase {
  return { index: getUint53(view, at), raftTerm: getUint53(view, at + 8) };
}

export function hardStateAt(view: DataView, at: number): HardState {
  const votedFor = getUint53(view, at + 8);
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
  setUint53(view, at + 8, hardState.votedFor ?? 0);
}
