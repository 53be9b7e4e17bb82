// SPDX-License-Identifier: Apache-2.0
import { createPrng } from "@conclave/base";
import { expect, test } from "vitest";
import {
  ConfirmRounds,
  type RoundMember,
  type RoundOutcome,
  type RoundSource,
} from "./confirm-rounds.ts";
import { settled } from "./memory-node.ts";
import type { ConfirmOutcome, LogRole } from "./replicated-log.ts";

/** A log whose rounds are answered by hand and whose applying lags behind. */
function createLaggingLog() {
  const answers: ((outcome: ConfirmOutcome) => void)[] = [];
  const log = { role: { kind: "leader", raftTerm: 1 } as LogRole, appliedIndex: 3 };
  const source: RoundSource = {
    role: () => log.role,
    appliedIndex: () => log.appliedIndex,
    confirm: () => new Promise<ConfirmOutcome>((resolve) => answers.push(resolve)),
    monotonicMs: () => 0,
    prng: createPrng(1n),
    ended: () => {},
  };
  return { log, source, answers };
}

function member(outcomes: RoundOutcome[], waitsForLeader = true): RoundMember {
  return { giveUpAtMs: 100, waitsForLeader, settle: (outcome) => outcomes.push(outcome) };
}

test("a round passes only when what the quorum had committed is applied here", async () => {
  const { log, source, answers } = createLaggingLog();
  const rounds = new ConfirmRounds(source);
  const outcomes: RoundOutcome[] = [];
  rounds.join(member(outcomes));
  await settled();

  answers[0]?.({ kind: "confirmed", index: 5, raftTerm: 1 });
  await settled();
  expect(outcomes).toEqual([]);
  log.appliedIndex = 5;
  rounds.appliedMoved();

  expect(outcomes).toEqual([{ kind: "passed", raftTerm: 1, index: 5 }]);
});

test("a round counts for nothing that came after it began", async () => {
  const { source, answers } = createLaggingLog();
  const rounds = new ConfirmRounds(source);
  const [early, late]: RoundOutcome[][] = [[], []];
  rounds.join(member(early!));
  await settled();

  rounds.join(member(late!));
  answers[0]?.({ kind: "confirmed", index: 3, raftTerm: 1 });
  await settled();
  expect([early?.length, late?.length]).toEqual([1, 0]);
  answers[1]?.({ kind: "confirmed", index: 3, raftTerm: 1 });
  await settled();

  expect(late).toEqual([{ kind: "passed", raftTerm: 1, index: 3 }]);
});

test("who waits for a leader outlives a lost round, who does not is told at once", async () => {
  const { log, source, answers } = createLaggingLog();
  const rounds = new ConfirmRounds(source);
  const [read, renewal]: RoundOutcome[][] = [[], []];
  rounds.join(member(read!));
  rounds.join(member(renewal!, false));
  await settled();

  log.role = { kind: "follower", raftTerm: 2, leader: undefined };
  answers[0]?.({ kind: "not-confirmed", reason: "not-leader" });
  await settled();
  expect([read?.length, renewal]).toEqual([0, [{ kind: "failed", reason: "no-leader" }]]);
  rounds.sweep(100);

  expect(read).toEqual([{ kind: "failed", reason: "no-leader" }]);
});
