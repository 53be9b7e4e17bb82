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
import { countWithSpread, decimals, type Question } from "./answer.ts";
import { type Contender, type Round, takeTurns } from "./rounds.ts";

const BATCH = 64;

export const fsmApply: Question = {
  name: "fsm-apply",
  async ask({ rounds, roundMs }) {
    const applied = cycles();
    const coded = cycles();
    const contenders: readonly Contender[] = [
      {
        name: `apply, entries of ${BATCH} commands`,
        round: () =>
          repeated(roundMs, () => {
            for (const entry of applied.next()) apply(applied.state, entry);
          }),
      },
      {
        name: "encode, decode, apply",
        round: () =>
          repeated(roundMs, () => {
            for (const entry of coded.next()) {
              const decoded = decodeEntry(encodeEntry(entry));
              if (decoded.kind !== "entry") throw new Error(decoded.kind);
              apply(coded.state, decoded.entry);
            }
          }),
      },
    ];
    const summaries = await takeTurns(contenders, rounds);
    const base = summaries[0]?.perSecond.median ?? Number.NaN;
    return [
      {
        title: "Commands applied by one state machine",
        columns: ["", "per second (min-max)", "ratio"],
        rows: summaries.map(({ name, perSecond }) => [
          name,
          countWithSpread(perSecond),
          decimals(perSecond.median / base),
        ]),
      },
    ];
  },
};

/** An entry of enters and one of withdrawals, again and again. */
async function repeated(forMs: number, run: () => void): Promise<Round> {
  const beganMs = performance.now();
  let runs = 0;
  while (performance.now() < beganMs + forMs) {
    run();
    runs++;
  }
  return {
    perSecond: (runs * 2 * BATCH * 1000) / (performance.now() - beganMs),
    latenciesMs: [],
  };
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
