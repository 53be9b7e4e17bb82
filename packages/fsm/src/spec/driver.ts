// SPDX-License-Identifier: Apache-2.0
/**
 * A short hand for specs: a partition, commands in few words, and states as one line of text.
 *
 * After each entry it asserts every rule of the partition. For specs only; nothing else imports it.
 */

import { apply } from "../apply.ts";
import type { Change } from "../change.ts";
import type { AdminOptions, Command, Enter, Metadata } from "../command.ts";
import type { CallOrder, DialectOperation } from "../dialect-command.ts";
import { assertPartitionValid } from "../invariants.ts";
import type { PrimitiveKey } from "../key.ts";
import type { Limits } from "../limits.ts";
import { createPartition, type PartitionState } from "../partition.ts";
import { viewOf } from "../read.ts";
import type { Applied, Reply } from "../reply.ts";

export const KEY: PrimitiveKey = { kind: "election", namespace: "default", name: "e" };
export const NO_METADATA: Metadata = new Map();

export interface Driver {
  readonly state: PartitionState;
  /** Applies one entry of these commands, at a time that moves on by a second each. */
  run(...commands: Command[]): Applied;
  /** Applies one command alone and answers its reply. */
  ask(command: Command): Reply;
}

export function createDriver(limits: Partial<Limits> = {}): Driver {
  const state = createPartition({ limits });
  let timeMs = 1_000_000;
  const run = (...commands: Command[]): Applied => {
    timeMs += 1_000;
    const applied = apply(state, { timeMs, commands });
    assertPartitionValid(state);
    return applied;
  };
  return { state, run, ask: (command) => run(command).replies[0]! };
}

export function key(name: string, kind: PrimitiveKey["kind"] = "election"): PrimitiveKey {
  return { kind, namespace: "default", name };
}

export function open(sessionId: bigint): Command {
  return { kind: "open-session", sessionId, ttlMs: 10_000, graceMs: 0, labels: NO_METADATA };
}

export function close(sessionId: bigint): Command {
  return { kind: "close-session", sessionId };
}

export function expire(...sessionIds: bigint[]): Command {
  const sessions = sessionIds.map((sessionId) => ({ sessionId, cause: "expired" as const }));
  return { kind: "expire-sessions", sessions };
}

let lastNumber = 0;

/** A number that no command of these specs has had, for those that do not test numbers. */
export function fresh(sessionId: bigint): Enter["id"] {
  lastNumber += 1;
  return { sessionId, number: lastNumber, acknowledged: lastNumber - 1 };
}

export function enter(
  candidate: string,
  sessionId: bigint,
  options: { key?: PrimitiveKey; takeover?: boolean; metadata?: Metadata } = {},
): Command {
  const { key = KEY, takeover = false, metadata = NO_METADATA } = options;
  return { kind: "enter", key, candidate, metadata, takeover, id: fresh(sessionId) };
}

export function withdraw(candidate: string, sessionId: bigint, of: PrimitiveKey = KEY): Command {
  return { kind: "withdraw", key: of, candidate, id: fresh(sessionId) };
}

export function steer(
  kind: "anoint" | "promote" | "demote" | "evict",
  candidate: string,
  options: Partial<AdminOptions> & { key?: PrimitiveKey } = {},
): Command {
  const { key = KEY, ...rest } = options;
  return { kind, key, candidate, options: { reason: "", ...rest } };
}

export function remove(of: PrimitiveKey = KEY, options: Partial<AdminOptions> = {}): Command {
  return { kind: "delete", key: of, options: { reason: "", ...options } };
}

/** A call of a dialect; numbered where an order is given. */
export function call(
  sessionId: bigint,
  operation: DialectOperation,
  order: CallOrder = { kind: "free" },
): Command {
  return { kind: "dialect-call", sessionId, order, operation };
}

/** `"2 b [b c]"`: term, leader, the whole list; `"0 - []"` where there is none. */
export function show(state: PartitionState, of: PrimitiveKey = KEY): string {
  const view = viewOf(state, of);
  if (view === undefined) return "0 - []";
  const names = view.leader === undefined ? [] : [view.leader, ...view.queue].map((c) => c.name);
  return `${view.term} ${names[0] ?? "-"} [${names.join(" ")}]`;
}

/** `"entered 1 a"`: cause, term, leader. */
export function showChange(change: Change): string {
  return `${change.cause} ${change.term} ${change.leader?.name ?? "-"}`;
}

/** `"done"`, `"done unchanged"` or the reason of a refusal. */
export function showReply(reply: Reply): string {
  if (reply.kind === "refused") return reply.reason;
  const isDone = reply.kind === "done" || reply.kind === "dialect-done";
  if (!isDone) return reply.kind;
  return `${reply.changed ? "done" : "done unchanged"}${reply.replayed ? " replayed" : ""}`;
}
