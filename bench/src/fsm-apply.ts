// SPDX-License-Identifier: Apache-2.0
/** How many commands per second does one partition's state machine apply, alone and with its codec? */

import {
  apply,
  type Command,
  createPartition,
  decodeEntry,
  encodeEntry,
  type LogEntry,
} from "@conclave/fsm";
import { type Measurement, measure } from "./measure.ts";

const BATCH = 64;

export function measureApply(): Promise<Measurement[]> {
  const applied = cycles();
  const coded = cycles();
  const perRound = 2 * BATCH;
  return measure(
    [
      {
        name: `apply, entries of ${BATCH} commands`,
        operations: perRound,
        run: () => {
          for (const entry of applied.next()) apply(applied.state, entry);
        },
      },
      {
        name: "encode, decode, apply",
        operations: perRound,
        run: () => {
          for (const entry of coded.next()) {
            const decoded = decodeEntry(encodeEntry(entry));
            if (decoded.kind !== "entry") throw new Error(decoded.kind);
            apply(coded.state, decoded.entry);
          }
        },
      },
    ],
    1,
  );
}

/** One session that enters 64 elections in one entry and withdraws from them in the next, for ever. */
function cycles() {
  const state = createPartition();
  const sessionId = 7n;
  const open: Command = {
    kind: "open-session",
    sessionId,
    ttlMs: 10_000,
    graceMs: 0,
    labels: new Map(),
  };
  apply(state, { timeMs: 0, commands: [open] });
  let number = 0;
  const batch = (kind: "enter" | "withdraw"): LogEntry => {
    const commands: Command[] = [];
    const acknowledged = number;
    for (let i = 0; i < BATCH; i++) {
      const key = { kind: "election", namespace: "default", name: `orders-${i}` } as const;
      const id = { sessionId, number: ++number, acknowledged };
      commands.push(
        kind === "enter"
          ? { kind, key, candidate: "a", metadata: new Map(), takeover: false, id }
          : { kind, key, candidate: "a", id },
      );
    }
    return { timeMs: number, commands };
  };
  return { state, next: (): LogEntry[] => [batch("enter"), batch("withdraw")] };
}
