// SPDX-License-Identifier: Apache-2.0
/**
 * One member without the others: a spec says what it hears and looks at what it asks for. For specs.
 */

import { createPrng } from "@conclave/base";
import type { CoreConfig } from "../core/config.ts";
import type { Effect, Envelope } from "../core/effect.ts";
import type { RaftEvent } from "../core/event.ts";
import type { MessageOf, OutgoingMessage, RaftMessage } from "../core/message.ts";
import { createState, otherVoters, type RaftState } from "../core/state.ts";
import { step } from "../core/step.ts";
import type { ReplicaId } from "../ids.ts";
import type { Configuration } from "../log/configuration.ts";
import type { LogEntry } from "../log/entry.ts";

export const CONFIG: CoreConfig = {
  replica: 1,
  electionTicks: { min: 10, max: 20 },
  heartbeatTicks: 2,
  uncommittedBytesMax: 100,
  uncommittedEntriesMax: 10,
  flow: {
    append: { bytes: 100, entries: 4 },
    inflightBytesMax: 200,
    inflightMessagesMax: 3,
    snapshotChunkBytes: 100,
    snapshotInflightBytes: 200,
    tail: { bytes: 100, entries: 2 },
  },
};

export interface Beginning {
  readonly raftTerm?: number;
  readonly votedFor?: ReplicaId;
  /** The raftTerm of each entry that the disk holds; each has one byte. */
  readonly log?: readonly number[];
  readonly voters?: readonly ReplicaId[];
  readonly learners?: readonly ReplicaId[];
  readonly snapshot?: { readonly index: number; readonly raftTerm: number; readonly bytes: number };
  readonly seed?: number;
}

/** Member 1 of 1, 2 and 3, unless it is said otherwise, as it begins. */
export function memberFrom(beginning: Beginning = {}): RaftState {
  const { log = [], voters = [1, 2, 3], learners = [], seed = 1, votedFor } = beginning;
  const raftTerm = beginning.raftTerm ?? log.at(-1) ?? 0;
  const configuration: Configuration = { voters, outgoing: [], learners };
  const base = beginning.snapshot ?? { index: 0, raftTerm: 0, bytes: 0 };
  return createState(CONFIG, createPrng(BigInt(seed)), {
    hardState: { raftTerm, votedFor },
    snapshot: { ...base, configuration },
    entries: log.map((ofEntry) => ({ raftTerm: ofEntry, size: 1 })),
  });
}

/** The same, with the vote of 2, which is enough for three, its no-op not yet durable. */
export function leaderFrom(beginning: Beginning = {}): RaftState {
  const state = candidateFrom(beginning);
  const { raftTerm } = state;
  hear(state, 2, { kind: "vote-response", raftTerm, isGranted: true });
  return state;
}

/** The same, asking for votes, its own one durable. */
export function candidateFrom(beginning: Beginning = {}): RaftState {
  const state = memberFrom(beginning);
  passTimeout(state);
  const raftTerm = state.raftTerm + 1;
  for (const from of otherVoters(state)) {
    hear(state, from, { kind: "pre-vote-response", raftTerm, isGranted: true });
  }
  step(state, { kind: "vote-persisted", raftTerm });
  return state;
}

/** A leader whose no-op is durable here and on 2, committed and applied; 3 has not been heard. */
export function announcedLeader(beginning: Beginning = {}): RaftState {
  const state = leaderFrom(beginning);
  const { index } = state.log.last;
  persisted(state);
  settle(state, hear(state, 2, accepted(state, index)));
  return state;
}

export function hear(state: RaftState, from: ReplicaId, message: RaftMessage): readonly Effect[] {
  return step(state, { kind: "received", from, message });
}

export function tick(state: RaftState, count = 1): readonly Effect[] {
  return Array.from({ length: count }, () => step(state, { kind: "tick" })).flat();
}

/** Ticks until the member asks for an election; returns what that tick brings. */
export function passTimeout(state: RaftState): readonly Effect[] {
  const before = state.electionTimeout - state.electionElapsed;
  tick(state, before - 1);
  return tick(state);
}

/** All that has been given out to be written is durable. */
export function persisted(state: RaftState): readonly Effect[] {
  const { log, truncations } = state;
  return step(state, { kind: "entries-persisted", index: log.last.index, truncations });
}

/** Does what the effects ask for, on a disk and a state machine that are at once done. */
export function settle(state: RaftState, effects: readonly Effect[]): void {
  for (const effect of effects) {
    const events: RaftEvent[] = [];
    if (effect.kind === "persist") events.push(...effect.thenStep);
    if (effect.kind === "apply") events.push({ kind: "applied", index: effect.to });
    for (const event of events) settle(state, step(state, event));
  }
}

export function accepted(state: RaftState, matchIndex: number): RaftMessage {
  return { kind: "append-entries-accepted", raftTerm: state.raftTerm, matchIndex };
}

export function proposalOf(...texts: readonly string[]): RaftEvent {
  const proposals = texts.map((text, i) => ({ proposal: i + 1, bytes: bytesOf(text) }));
  return { kind: "propose", proposals };
}

/** Entries of one byte each, from `first` on, of these raftTerms. */
export function entriesFrom(first: number, ...raftTerms: readonly number[]): LogEntry[] {
  return raftTerms.map((raftTerm, i) => {
    return { index: first + i, raftTerm, type: "proposal", bytes: bytesOf("x") };
  });
}

/** What a leader of `raftTerm` sends behind the entry of index and raftTerm `prev`. */
export function appendOf(
  raftTerm: number,
  prev: readonly [number, number],
  entries: readonly LogEntry[],
  leaderCommit = 0,
): MessageOf<"append-entries"> {
  const [prevLogIndex, prevLogRaftTerm] = prev;
  const kind = "append-entries";
  return { kind, raftTerm, prevLogIndex, prevLogRaftTerm, entries, leaderCommit };
}

/** The raftTerms of its log, from the beginning. */
export function raftTermsOf({ log }: RaftState): readonly number[] {
  const { base, last } = log;
  return Array.from({ length: last.index - base.index }, (_, i) => {
    return log.raftTermAt(base.index + 1 + i);
  });
}

export function persistsOf(effects: readonly Effect[]): Extract<Effect, { kind: "persist" }>[] {
  return effects.filter((effect) => effect.kind === "persist");
}

/** What is sent without waiting for anything. */
export function sendsOf(effects: readonly Effect[]): Envelope[] {
  return effects
    .filter((effect) => effect.kind === "send")
    .map(({ to, message }) => ({ to, message }));
}

/** What is sent when all of it is durable. */
export function promisesOf(effects: readonly Effect[]): readonly Envelope[] {
  return persistsOf(effects).flatMap((effect) => effect.thenSend);
}

/** The messages of one kind among those that are sent at once. */
export function sentOf<Kind extends OutgoingMessage["kind"]>(
  effects: readonly Effect[],
  kind: Kind,
): (Envelope & { readonly message: Extract<OutgoingMessage, { readonly kind: Kind }> })[] {
  return sendsOf(effects).filter((envelope) => envelope.message.kind === kind) as never;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
