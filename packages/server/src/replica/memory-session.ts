// SPDX-License-Identifier: Apache-2.0
/** One session driven by hand on the partitions of a memory node: opened, renewed, looked at. */

import type { OpenSession } from "@conclave/fsm";
import type { AttachmentId } from "./deadlines.ts";
import { type MemoryNode, settled } from "./memory-node.ts";
import type { LeaseOutcome } from "./renewals.ts";

/** A node whose partitions are driven: one alone, or one of a cluster. */
export type MemoryWorld = Pick<MemoryNode, "node">;

/** The session that the helpers drive. */
export const S = 42n;
export const TTL_MS = 10_000;

export interface Opening {
  readonly ttlMs?: number;
  readonly graceMs?: number;
  readonly attachment?: AttachmentId;
  readonly partition?: number;
}

export async function open(world: MemoryWorld, options: Opening = {}): Promise<boolean> {
  const { ttlMs = TTL_MS, graceMs = 0, attachment, partition = 1 } = options;
  const opening: OpenSession = {
    kind: "open-session",
    sessionId: S,
    ttlMs,
    graceMs,
    labels: new Map(),
  };
  const submission = {
    commands: [],
    giveUpAtMs: world.node.giveUpAtMs(),
    mayUseReserve: false,
  };
  let isLeased = false;
  world.node.partition(partition).register(opening, submission, attachment, (_, leased) => {
    isLeased = leased;
  });
  await settled();
  return isLeased;
}

/** Sends a renewal; its lease is there once `settled`. */
export function renew(
  world: MemoryWorld,
  number: bigint,
  { partition = 1, attachment }: Opening = {},
): { lease: LeaseOutcome | undefined } {
  const sent: { lease: LeaseOutcome | undefined } = { lease: undefined };
  world.node.partition(partition).renew({
    sessionId: S,
    number,
    attachment,
    settle: (lease) => {
      sent.lease = lease;
    },
  });
  return sent;
}

export function isOpen(world: MemoryWorld, partition = 1): boolean {
  const session = world.node.partition(partition).session(S);
  return session !== undefined && session !== "ended";
}
