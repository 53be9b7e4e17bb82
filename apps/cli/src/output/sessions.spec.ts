// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { createColors } from "./colors.ts";
import { toJsonText } from "./json.ts";
import { type PartitionSession, sessionsToJson, sessionTable } from "./sessions.ts";

const SESSIONS: readonly PartitionSession[] = [
  {
    partition: 1,
    session: {
      ...{ instance: "3f0c5a1e9b7d2864", ttlMs: 10_000, graceMs: 1_500, remainingMs: 8_250 },
      labels: { host: "a", zone: "b" },
    },
  },
  {
    partition: 12,
    session: {
      ...{ instance: "90ab5a1e9b7d2864", ttlMs: 500, graceMs: 0, remainingMs: 0 },
      labels: {},
    },
  },
];

test("people see where a session is registered, its terms and what is left of them", () => {
  expect(sessionTable(SESSIONS, createColors(false)).split("\n")).toEqual([
    "PARTITION  INSTANCE          TTL    GRACE   REMAINING  LABELS",
    "1          3f0c5a1e9b7d2864  10s    1500ms  8.3s       host=a zone=b",
    "12         90ab5a1e9b7d2864  500ms  -       0.0s",
  ]);
});

test("programs get every field, in milliseconds", () => {
  expect(JSON.parse(toJsonText(sessionsToJson(SESSIONS)))).toEqual(
    SESSIONS.map(({ partition, session }) => ({ partition, ...session })),
  );
});
