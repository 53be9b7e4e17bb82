// SPDX-License-Identifier: Apache-2.0
/**
 * A partition that has some of everything a snapshot holds, and every kind of command. For specs only.
 */

import { apply } from "../apply.ts";
import type { Command } from "../command.ts";
import type { Limits } from "../limits.ts";
import { createPartition, type PartitionState } from "../partition.ts";
import { key } from "./driver.ts";

const E = key("e");
const LATCH = key("ñ", "latch");
const GONE = key("gone");
const LABELS = new Map([
  ["zone", "x"],
  ["host", "n1"],
]);
const NATIVE = 0xfedcba9876543210n;

function own(number: number, candidate: string, of = E, acknowledged = 0): Command {
  const id = { sessionId: NATIVE, number, acknowledged };
  return { kind: "enter", key: of, candidate, metadata: LABELS, takeover: false, id };
}

/** One of each kind, with each option once set and once not. They need not make sense together. */
export const EVERY_COMMAND: readonly Command[] = [
  {
    kind: "open-session",
    sessionId: NATIVE,
    ttlMs: 10_000,
    graceMs: 500,
    labels: LABELS,
    principal: "ann",
  },
  { kind: "open-session", sessionId: 77n, ttlMs: 500, graceMs: 0, labels: new Map() },
  { kind: "open-indexed-session", dialect: "s0", ttlMs: 30_000 },
  { kind: "open-indexed-session", dialect: "s1", ttlMs: 60_000, principal: "bob" },
  own(3, "native", E, 1),
  { ...(own(4, "native") as Command & { kind: "enter" }), takeover: true, metadata: new Map() },
  {
    kind: "update-metadata",
    key: E,
    candidate: "native",
    metadata: LABELS,
    id: { sessionId: NATIVE, number: 5, acknowledged: 0 },
  },
  {
    kind: "withdraw",
    key: E,
    candidate: "nobody",
    id: { sessionId: NATIVE, number: 2 ** 41, acknowledged: 0 },
  },
  { kind: "anoint", key: E, candidate: "native", options: { reason: "", requestId: "r1" } },
  { kind: "promote", key: E, candidate: "native", options: { reason: "why not", ifRevision: 0n } },
  {
    kind: "demote",
    key: E,
    candidate: "native",
    options: { reason: "", requestId: "r2", ifRevision: 2n ** 63n },
  },
  { kind: "evict", key: E, candidate: "𝕏", options: { reason: "" } },
  own(6, "x", GONE),
  { kind: "delete", key: GONE, options: { reason: "no longer" } },
  {
    kind: "dialect-call",
    sessionId: 3n,
    order: { kind: "strict", number: 1 },
    operation: { kind: "create", key: E },
  },
  {
    kind: "dialect-call",
    sessionId: 3n,
    order: { kind: "strict", number: 2 },
    operation: { kind: "events", key: E },
  },
  {
    kind: "dialect-call",
    sessionId: 3n,
    order: { kind: "strict", number: 5, voidThrough: 4 },
    operation: { kind: "enter", key: E, candidate: "s0" },
  },
  { kind: "acknowledge-s0", sessionId: 3n, number: 1, streams: [{ streamId: 2, responseId: 1 }] },
  {
    kind: "dialect-call",
    sessionId: 4n,
    order: { kind: "set", number: 2 },
    operation: { kind: "create", key: LATCH },
  },
  {
    kind: "dialect-call",
    sessionId: 4n,
    order: { kind: "set", number: 3 },
    operation: { kind: "enter", key: LATCH, candidate: "s1" },
  },
  { kind: "acknowledge-s1", sessionId: 4n, number: 5, open: [3, 4] },
  { kind: "acknowledge-s1", sessionId: 4n, number: 5, open: [] },
  {
    kind: "dialect-call",
    sessionId: 77n,
    order: { kind: "once", number: 2n ** 64n - 1n },
    operation: { kind: "demote", key: E, candidate: "native" },
  },
  {
    kind: "dialect-call",
    sessionId: 77n,
    order: { kind: "free" },
    operation: { kind: "promote", key: E, candidate: "native" },
  },
  {
    kind: "dialect-call",
    sessionId: 77n,
    order: { kind: "free" },
    operation: { kind: "withdraw", key: E, candidate: "nobody" },
  },
  {
    kind: "dialect-call",
    sessionId: 77n,
    order: { kind: "free" },
    operation: { kind: "anoint", key: E, candidate: "nobody" },
  },
  {
    kind: "dialect-call",
    sessionId: 77n,
    order: { kind: "free" },
    operation: { kind: "evict", key: E, candidate: "nobody" },
  },
  {
    kind: "dialect-call",
    sessionId: 77n,
    order: { kind: "free" },
    operation: {
      kind: "restore",
      key: LATCH,
      term: 9n,
      leader: "r",
      participants: [{ candidate: "r", sessionId: 78n, ttlMs: 10_000 }],
    },
  },
  {
    kind: "dialect-call",
    sessionId: 77n,
    order: { kind: "free" },
    operation: { kind: "restore", key: key("empty"), term: 0n, participants: [] },
  },
  {
    kind: "dialect-call",
    sessionId: 77n,
    order: { kind: "free" },
    operation: { kind: "close", key: E },
  },
  {
    kind: "dialect-call",
    sessionId: 77n,
    order: { kind: "free" },
    operation: { kind: "delete", key: key("nothing") },
  },
  { kind: "close-session", sessionId: 77n },
  {
    kind: "expire-sessions",
    sessions: [
      { sessionId: 78n, cause: "disconnected" },
      { sessionId: 79n, cause: "expired" },
    ],
  },
  { kind: "raise-level", level: 1 },
  {
    kind: "set-first-members",
    members: [
      { node: 2, incarnation: 0, address: "b:7402" },
      { node: 1, incarnation: 0, address: "a:7401" },
    ],
  },
  { kind: "invite-member", node: 4, address: "[::1]:7404" },
  { kind: "invite-member", node: 5, address: "e:7405" },
  { kind: "put-member", node: 2, incarnation: 2 ** 32 - 1, address: "b:7402" },
  { kind: "remove-member", node: 5 },
];

/** The state after all of them, one entry each, as one log of one partition. */
export function createRichPartition(limits: Partial<Limits> = {}): PartitionState {
  const state = createPartition({ limits });
  for (const [i, command] of EVERY_COMMAND.entries()) {
    apply(state, { timeMs: 1_700_000_000_000 + i, commands: [command] });
  }
  return state;
}
