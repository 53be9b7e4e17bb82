// SPDX-License-Identifier: Apache-2.0
/**
 * Ties the records of a snapshot to each other: candidates to sessions, streams and bindings to
 * elections, and the orders that are kept in memory and not in the bytes.
 */

import { boundElections } from "./binding.ts";
import { appendCandidacy, createElection } from "./election.ts";
import { isIdle } from "./idleness.ts";
import { keyText } from "./key.ts";
import type { PartitionState } from "./partition.ts";
import type { Election, EventStream, Session } from "./records.ts";
import type { ElectionRecord, SessionRecord, StreamRecord } from "./snapshot-records.ts";
import { addText } from "./sorted-texts.ts";

export interface RestoredRecords {
  readonly sessions: SessionRecord[];
  readonly elections: ElectionRecord[];
}

/** False where a record refers to one that is not there, or stands there twice. */
export function linkRecords(state: PartitionState, records: RestoredRecords): boolean {
  for (const { session } of records.sessions) {
    if (state.sessions.has(session.id)) return false;
    state.sessions.set(session.id, session);
  }
  for (const record of records.elections) if (!linkElection(state, record)) return false;
  for (const { session, streams } of records.sessions) {
    let bound = 0;
    for (const election of boundElections(state, session)) {
      election.boundBy ??= new Set();
      election.boundBy.add(session);
      bound += 1;
    }
    if (bound !== session.bound.size) return false;
    for (const stream of streams) if (!linkStream(state, session, stream)) return false;
  }
  for (const election of state.elections.values()) {
    election.streams.sort((a, b) => (a.openedIndex < b.openedIndex ? -1 : 1));
  }
  restoreIdle(state);
  return true;
}

const NO_METADATA: ReadonlyMap<string, string> = new Map();

function linkElection(state: PartitionState, record: ElectionRecord): boolean {
  if (record.key === undefined) return false;
  const text = keyText(record.key);
  if (state.elections.has(text)) return false;
  const { key, createdIndex, createdRevision, term, isLed } = record;
  const election = createElection({ key, text, createdIndex, createdRevision, term, isLed });
  election.revision = record.revision;
  election.sinceMs = record.sinceMs;
  election.changedMs = record.changedMs;
  election.idleIndex = record.idleIndex;
  for (const [position, { name, sessionId }] of record.candidates.entries()) {
    const session = state.sessions.get(sessionId);
    if (session === undefined) return false;
    appendCandidacy(election, session, name, record.metadata.get(position) ?? NO_METADATA);
  }
  state.elections.set(text, election);
  addText(state.keys, text);
  return true;
}

function linkStream(state: PartitionState, session: Session, record: StreamRecord): boolean {
  const { streamId, openedIndex, lastResponseId, key, messages } = record;
  const election = key && state.elections.get(keyText(key));
  if (key !== undefined && election === undefined) return false;
  const first = lastResponseId - messages.length + 1;
  const stream: EventStream = {
    session,
    streamId,
    openedIndex,
    election,
    lastResponseId,
    messages: messages.map((message, i) => ({
      sessionId: session.id,
      streamId,
      responseId: first + i,
      ...message,
    })),
  };
  session.streams.set(streamId, stream);
  election?.streams.push(stream);
  return true;
}

/** Those that became idle by one command stand in the order of their keys, as they then did. */
function restoreIdle(state: PartitionState): void {
  const idle = [...state.elections.values()].filter(isIdle);
  for (const election of idle.sort(byIdleness)) state.idle.add(election);
}

function byIdleness(a: Election, b: Election): number {
  if (a.idleIndex !== b.idleIndex) return a.idleIndex < b.idleIndex ? -1 : 1;
  return a.text < b.text ? -1 : 1;
}
