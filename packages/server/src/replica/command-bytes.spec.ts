// SPDX-License-Identifier: Apache-2.0
/** The sizes by which entries and queues are bounded: no command takes more than its estimate. */

import { type Command, type DialectOperation, encodeEntry } from "@conclave/fsm";
import { expect, test } from "vitest";
import { estimateBytes } from "./command-bytes.ts";

const LONG = "x".repeat(256);
const KEY = { kind: "election", namespace: LONG, name: LONG } as const;
const LARGEST = 2n ** 64n - 1n;
const HUGE = Number.MAX_SAFE_INTEGER;
const call = (operation: DialectOperation): Command => ({
  kind: "dialect-call",
  sessionId: LARGEST,
  order: { kind: "strict", number: HUGE, voidThrough: HUGE - 1 },
  operation,
});
const participants = Array.from({ length: 1_024 }, () => {
  return { candidate: LONG, sessionId: LARGEST, ttlMs: 86_400_000 };
});

test.each<[string, Command]>([
  ["a call by name", call({ kind: "promote", key: KEY, candidate: LONG })],
  ["a call on a primitive", call({ kind: "create", key: KEY })],
  ["a Restore", call({ kind: "restore", key: KEY, term: LARGEST, leader: LONG, participants })],
  [
    "what S0 acknowledges",
    {
      kind: "acknowledge-s0",
      sessionId: LARGEST,
      number: HUGE,
      streams: Array.from({ length: 1_024 }, () => ({ streamId: HUGE, responseId: HUGE })),
    },
  ],
  [
    "what S1 acknowledges",
    {
      kind: "acknowledge-s1",
      sessionId: LARGEST,
      number: HUGE,
      open: Array.from({ length: 1_024 }, () => HUGE),
    },
  ],
  [
    "a session with all its labels",
    {
      kind: "open-session",
      sessionId: LARGEST,
      ttlMs: 86_400_000,
      graceMs: 86_400_000,
      labels: new Map(Array.from({ length: 16 }, (_, i) => [`${i}`.padEnd(256, "x"), LONG])),
      principal: LONG,
    },
  ],
])("%s takes no more than its estimate", (_, command) => {
  const alone = encodeEntry({ timeMs: 0, commands: [command] }).length;
  expect(alone).toBeLessThanOrEqual(estimateBytes([command]));
});
