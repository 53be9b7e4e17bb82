// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import {
  type Fact,
  isInOffice,
  type MachineEffect,
  type MachineEvent,
  type MachineState,
  OUTSIDE,
  step,
} from "./candidacy-machine.ts";
import { ElectionError } from "./error.ts";

test("wanted in, it opens a session and enters, once", () => {
  const { state, effects } = run([wantIn, wantIn]);

  expect(effects).toEqual([
    { kind: "open", epoch: 1 },
    { kind: "send", command: "enter" },
  ]);
  expect(state).toMatchObject({ place: "unknown", inFlight: "enter" });
});

test("an answer of an earlier session changes nothing", () => {
  const { state } = run([wantIn, ended(1), wantIn]);

  const late = step(state, answered(1, leading(5n, 3n)));

  expect(state.epoch).toBe(3);
  expect(late.state).toBe(state);
  expect(late.effects).toEqual([]);
});

test("told of an office while it enters, it has none before the answer says so", () => {
  const entering = run([wantIn, told(1, leading(5n, 3n))]).state;
  expect(isInOffice(entering)).toBe(false);

  const queued = step(entering, answered(1, waiting(7n, 4n))).state;
  expect(isInOffice(queued)).toBe(false);
  const won = step(entering, answered(1, waiting(4n, 2n))).state;
  expect(isInOffice(won)).toBe(true);
  expect(won.term).toBe(3n);
});

test("what is true at an earlier revision is old news", () => {
  const { state, effects } = run([
    wantIn,
    answered(1, leading(5n, 3n)),
    told(1, waiting(9n, 4n)),
    told(1, leading(5n, 3n)),
  ]);

  expect(state).toMatchObject({ place: "waiting", revision: 9n });
  expect(effects.at(-1)).toEqual({ kind: "deposed", term: 3n, cause: "anointed" });
});

test("an office lost and won again between two messages is told as lost", () => {
  const { state, effects } = run([wantIn, answered(1, leading(5n, 3n)), told(1, leading(9n, 5n))]);

  expect(effects.at(-1)).toMatchObject({ kind: "deposed", term: 3n });
  expect(state).toMatchObject({ place: "leading", term: 5n });
});

test("the end of an earlier entry, told late, does not end the one under way", () => {
  const { state, effects } = run([
    wantIn,
    answered(1, leading(5n, 1n)),
    wantOut,
    answered(1, gone(6n)),
    wantIn,
    told(2, gone(6n)),
    answered(2, leading(7n, 2n)),
  ]);

  expect(state).toMatchObject({ place: "leading", term: 2n });
  expect(effects.map(({ kind }) => kind)).not.toContain("gone");
});

test("an eviction that is heard of before the answer to Enter ends the candidacy with the answer", () => {
  const events = [wantIn, told(1, gone(8n, "evicted")), answered(1, leading(7n, 2n))];

  const { state, effects } = run(events);

  expect(state.place).toBe("outside");
  expect(effects.at(-1)).toEqual({ kind: "gone", cause: "evicted" });
});

test("unwanted while Enter is under way, it withdraws when the answer is there", () => {
  const { effects } = run([wantIn, wantOut, answered(1, waiting(5n, 1n)), answered(1, gone(6n))]);

  expect(effects.map(nameOf)).toEqual(["open", "enter", "withdraw", "left"]);
});

test("a name that another session holds is asked for again after a pause", () => {
  const paused = run([wantIn, { kind: "held-by-another", epoch: 1 }]);
  expect(paused.effects.at(-1)).toEqual({ kind: "pause" });

  const again = step(paused.state, { kind: "retry" });

  expect(again.effects.map(nameOf)).toEqual(["open", "enter"]);
});

test("an update waits for the command in flight, and one more waits for it", () => {
  const { effects } = run([
    wantIn,
    { kind: "update" },
    { kind: "update" },
    answered(1, waiting(5n, 1n)),
    answered(1, waiting(6n, 1n)),
  ]);

  expect(effects.map(nameOf)).toEqual(["open", "enter", "update", "updated"]);
});

test("a refusal of Enter is told once, and nothing is asked again by itself", () => {
  const error = new ElectionError("QUOTA", "full");
  const { state, effects } = run([wantIn, { kind: "refused", epoch: 1, error }]);

  expect(effects.at(-1)).toEqual({ kind: "failed", error });
  expect(state).toMatchObject({ place: "outside", want: "out" });
});

test("what was believed fresh does not become doubtful when it is told again", () => {
  const doubtful: MachineEvent = { kind: "fact", epoch: 1, fact: leading(5n, 3n), confirmedBy: 9n };

  expect(run([wantIn, answered(1, leading(5n, 3n)), doubtful]).state.confirmedBy).toBe(0n);
  expect(run([wantIn, doubtful]).state.confirmedBy).toBe(9n);
});

test("an office that is given up while an update is under way is left before it enters again", () => {
  const given = [
    wantIn,
    answered(1, leading(5n, 3n)),
    { kind: "update" } as const,
    wantOut,
    wantIn,
  ];
  const { state, effects } = run([
    ...given,
    answered(1, leading(6n, 3n)),
    answered(1, gone(7n)),
    answered(2, leading(9n, 4n)),
  ]);

  expect(effects.map(nameOf)).toEqual([
    ...["open", "enter", "update", "withdraw", "updated", "deposed"],
    ...["left", "open", "enter"],
  ]);
  expect(state).toMatchObject({ place: "leading", term: 4n, isLeaving: false });
});

test("one that is gone before it could leave enters again, since that is what is wanted", () => {
  const given = [
    wantIn,
    answered(1, leading(5n, 3n)),
    { kind: "update" } as const,
    wantOut,
    wantIn,
  ];

  for (const end of [told(1, gone(6n, "evicted")), ended(1)]) {
    const { state, effects } = run([...given, end]);

    expect(effects.map(nameOf).slice(-4)).toEqual(["deposed", "left", "open", "enter"]);
    expect(state).toMatchObject({ want: "in", place: "unknown", isLeaving: false });
  }
});

const wantIn: MachineEvent = { kind: "want", want: "in" };
const wantOut: MachineEvent = { kind: "want", want: "out" };

function run(events: readonly MachineEvent[]): { state: MachineState; effects: MachineEffect[] } {
  let state = OUTSIDE;
  const effects: MachineEffect[] = [];
  for (const event of events) {
    const next = step(state, event);
    state = next.state;
    effects.push(...next.effects);
  }
  return { state, effects };
}

function nameOf(effect: MachineEffect): string {
  return effect.kind === "send" ? effect.command : effect.kind;
}

const leading = (revision: bigint, term: bigint): Fact => ({
  place: "leading",
  revision,
  term,
  cause: "anointed",
});
const waiting = (revision: bigint, term: bigint): Fact => ({
  place: "waiting",
  revision,
  term,
  cause: "anointed",
});
const gone = (revision: bigint, cause: Fact["cause"] = "resigned"): Fact => ({
  place: "gone",
  revision,
  term: 0n,
  cause,
});

const told = (epoch: number, fact: Fact): MachineEvent => ({
  kind: "fact",
  epoch,
  fact,
  confirmedBy: 0n,
});
const answered = (epoch: number, fact: Fact): MachineEvent => ({
  kind: "answered",
  epoch,
  fact,
  confirmedBy: 0n,
});
const ended = (epoch: number): MachineEvent => ({ kind: "session-ended", epoch });
