// SPDX-License-Identifier: Apache-2.0
/**
 * Who the members of a group are, and the bytes by which a log entry and a snapshot say so.
 *
 * A configuration is in use from the moment its entry stands in a member's log (Raft section 6).
 */

import type { ReplicaId } from "../ids.ts";

export interface Configuration {
  /** Who votes, and counts towards commitment. */
  readonly voters: readonly ReplicaId[];
  /** The voters before the change that is under way, whose majority is needed too; empty otherwise. */
  readonly outgoing: readonly ReplicaId[];
  /** Who is sent the log and counts for nothing. */
  readonly learners: readonly ReplicaId[];
}

/** Of a member that waits to be added to a group, and has not yet heard who is in it. */
export const NO_CONFIGURATION: Configuration = { voters: [], outgoing: [], learners: [] };

export function isJoint(configuration: Configuration): boolean {
  return configuration.outgoing.length > 0;
}

export function isVoter(configuration: Configuration, replica: ReplicaId): boolean {
  const { voters, outgoing } = configuration;
  return voters.includes(replica) || outgoing.includes(replica);
}

/** Everybody who is sent the log, each once. */
export function membersOf(configuration: Configuration): readonly ReplicaId[] {
  const { voters, outgoing, learners } = configuration;
  return [...new Set([...voters, ...outgoing, ...learners])];
}

const COUNTS_BYTES = 6;
const REPLICA_BYTES = 8;

/** Three counts of 16 bits (voters, outgoing, learners), then the ids as 64 bits each, little-endian. */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const { voters, outgoing, learners } = configuration;
  const replicas = [...voters, ...outgoing, ...learners];
  const bytes = new Uint8Array(COUNTS_BYTES + replicas.length * REPLICA_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, voters.length, true);
  view.setUint16(2, outgoing.length, true);
  view.setUint16(4, learners.length, true);
  for (const [i, replica] of replicas.entries()) {
    view.setBigUint64(COUNTS_BYTES + i * REPLICA_BYTES, BigInt(replica), true);
  }
  return bytes;
}

/** Undefined for bytes that no configuration gives. */
export function decodeConfiguration(bytes: Uint8Array): Configuration | undefined {
  if (bytes.length < COUNTS_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const counts = [view.getUint16(0, true), view.getUint16(2, true), view.getUint16(4, true)];
  const [voters = 0, outgoing = 0, learners = 0] = counts;
  const total = voters + outgoing + learners;
  if (bytes.length !== COUNTS_BYTES + total * REPLICA_BYTES) return undefined;
  const replicas: ReplicaId[] = [];
  for (let at = COUNTS_BYTES; at < bytes.length; at += REPLICA_BYTES) {
    replicas.push(Number(view.getBigUint64(at, true)));
  }
  if (!replicas.every(Number.isSafeInteger)) return undefined;
  return {
    voters: replicas.slice(0, voters),
    outgoing: replicas.slice(voters, voters + outgoing),
    learners: replicas.slice(voters + outgoing),
  };
}
