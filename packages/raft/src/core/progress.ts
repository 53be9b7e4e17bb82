// SPDX-License-Identifier: Apache-2.0
/**
 * What a leader believes of one other member: what it holds, what is on its way to it, whether it is
 * there.
 *
 * A member is in one of three flows. `probe`: it is not known where the logs part; one message is on
 * its way at a time. `replicate`: they agree up to nextIndex, and entries are sent ahead of their
 * acknowledgement. `snapshot`: it lacks entries that are gone from the log here.
 */

import type { SnapshotInfo } from "../log/snapshot-info.ts";
import type { FlowLimits } from "./config.ts";

interface Inflight {
  readonly through: number;
  readonly bytes: number;
}

export interface ReplicateFlow {
  readonly kind: "replicate";
  /** Oldest first. */
  readonly inflight: Inflight[];
  inflightBytes: number;
}

export interface SnapshotFlow {
  readonly kind: "snapshot";
  readonly snapshot: SnapshotInfo;
  sentOffset: number;
  acknowledgedOffset: number;
}

type Flow = { readonly kind: "probe"; isSent: boolean } | ReplicateFlow | SnapshotFlow;

export interface Progress {
  /** Up to here its log is known to equal the leader's and to be durable. */
  matchIndex: number;
  /** The next entry to send. */
  nextIndex: number;
  flow: Flow;
  /** Ticks since it was last heard from. */
  silentTicks: number;
  /** Ticks for which something has been on its way and nothing has moved. */
  stalledTicks: number;
  /** The newest round that it has answered. */
  answeredRound: number;
  /** The commitIndex that it has been told of. */
  toldCommit: number;
}

/** @param silentTicks how long it counts as silent already: 0 gives it the benefit of the doubt. */
export function createProgress(nextIndex: number, silentTicks: number): Progress {
  return {
    matchIndex: 0,
    nextIndex,
    flow: { kind: "probe", isSent: false },
    silentTicks,
    stalledTicks: 0,
    answeredRound: 0,
    toldCommit: 0,
  };
}

/** Begins again right behind what is known to be there, with one message. */
export function beginProbe(progress: Progress, isSent: boolean): void {
  progress.nextIndex = progress.matchIndex + 1;
  progress.flow = { kind: "probe", isSent };
}

export function beginReplicate(progress: Progress): ReplicateFlow {
  const flow: ReplicateFlow = { kind: "replicate", inflight: [], inflightBytes: 0 };
  progress.nextIndex = progress.matchIndex + 1;
  progress.flow = flow;
  return flow;
}

/** Something is on its way that will be answered. */
export function isWaiting(progress: Progress): boolean {
  const { flow } = progress;
  if (flow.kind === "probe") return flow.isSent;
  return flow.kind === "snapshot" || flow.inflight.length > 0;
}

export function hasWindow(flow: ReplicateFlow, limits: FlowLimits): boolean {
  const isRoom = flow.inflightBytes < limits.inflightBytesMax;
  return isRoom && flow.inflight.length < limits.inflightMessagesMax;
}

export function sent(flow: ReplicateFlow, through: number, bytes: number): void {
  flow.inflight.push({ through, bytes });
  flow.inflightBytes += bytes;
}

/** Takes what has arrived out of the window. */
export function acknowledged(flow: ReplicateFlow, matchIndex: number): void {
  let count = 0;
  for (const { through, bytes } of flow.inflight) {
    if (through > matchIndex) break;
    flow.inflightBytes -= bytes;
    count += 1;
  }
  flow.inflight.splice(0, count);
}
