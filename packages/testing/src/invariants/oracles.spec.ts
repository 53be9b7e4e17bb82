// SPDX-License-Identifier: Apache-2.0
/** O1 to O8 but those of logs and histories, each on a run that breaks it and on one beside it. */

import { apply, createPartition, decodeEntry } from "@conclave/fsm";
import { expect, test } from "vitest";
import type { Observation } from "../world/observation.ts";
import { oneLeaderPerTerm } from "./o1-one-leader-per-term.ts";
import { noEarlyGrant } from "./o2-no-early-grant.ts";
import { fencedRegister } from "./o3-fenced-register.ts";
import { watches } from "./o4-watches.ts";
import { replicasAgree } from "./o7-replicas-agree.ts";
import { liveness } from "./o8-liveness.ts";
import {
  anoints,
  believes,
  enters,
  entry,
  expires,
  leads,
  life,
  opens,
  running,
  type Scene,
  server,
  takes,
  verdictOf,
  view,
  watched,
  withdraws,
} from "./spec/seen.ts";

/** a leads in term 1, b waits. */
const BOTH = [entry(1, opens(1n), opens(2n)), entry(2, enters("a", 1n)), entry(3, enters("b", 2n))];

const ruleOf = (rule: Parameters<typeof verdictOf>[0], ...scenes: readonly Scene[]) =>
  verdictOf(rule, scenes)?.rule;

test("O1: nobody tells of another leader in one term, wherever it was heard", () => {
  const answered = (candidate: string, term: bigint): Observation => ({
    kind: "operation",
    operation: {
      ...{ client: "q", election: "e", startNs: 1n, endNs: 2n },
      call: { kind: "get", read: "stale" },
      result: {
        kind: "view",
        view: { revision: 1n, term, leader: candidate, candidates: [candidate] },
      },
    },
  });
  const all = [takes("p", "a", 1n), answered("a", 1n), watched(1n, 1n, ["a"]), answered("b", 2n)];
  expect(ruleOf(oneLeaderPerTerm, ...BOTH, ...all)).toBeUndefined();
  expect(ruleOf(oneLeaderPerTerm, ...BOTH, takes("p", "b", 1n))).toBe("O1");
  expect(ruleOf(oneLeaderPerTerm, ...BOTH, answered("b", 1n))).toBe("O1");
  expect(ruleOf(oneLeaderPerTerm, ...BOTH, watched(1n, 1n, ["b"]))).toBe("O1");
  expect(ruleOf(oneLeaderPerTerm, takes("p", "a", 1n), takes("q", "a", 1n))).toBe("O1");
});

test("O2: nobody takes an office that the log has not given", () => {
  expect(ruleOf(noEarlyGrant, ...BOTH, takes("p", "a", 1n))).toBeUndefined();
  expect(ruleOf(noEarlyGrant, ...BOTH, takes("q", "b", 2n))).toBe("O2");
});

test("O2: a session does not expire while its office is believed in", () => {
  const [over, resigned] = [entry(4, expires(1n)), entry(4, withdraws("a", 1n, 2))];
  const still = view({ beliefs: [believes("p", 1n)] });
  expect(ruleOf(noEarlyGrant, ...BOTH, over, view({}))).toBeUndefined();
  expect(ruleOf(noEarlyGrant, ...BOTH, entry(4, anoints("b")), still)).toBeUndefined();
  expect(ruleOf(noEarlyGrant, ...BOTH, resigned, view({}))).toBeUndefined();
  expect(ruleOf(noEarlyGrant, ...BOTH, over, still)).toBe("O2");
  const next = view({ beliefs: [believes("q", 2n)] });
  expect(ruleOf(noEarlyGrant, ...BOTH, over, next)).toBeUndefined();
  const moved = [...BOTH, entry(4, anoints("b")), entry(5, expires(2n))];
  expect(ruleOf(noEarlyGrant, ...moved, still)).toBeUndefined();
});

test("O3: no write that was taken forgets another one, or is of a term that was shut out", () => {
  const write = (client: string, term: bigint, expected: number, isTaken = true): Observation => ({
    ...{ kind: "fenced-write", client, election: "e", term, isTaken, expected },
    value: expected + 1,
  });
  const held = [write("p", 1n, 0), write("p", 1n, 1), write("q", 2n, 2)];
  expect(ruleOf(fencedRegister, ...held, write("p", 1n, 2, false))).toBeUndefined();
  expect(ruleOf(fencedRegister, ...held, write("p", 1n, 2))).toBe("O3");
  expect(ruleOf(fencedRegister, ...held, write("p", 1n, 3))).toBe("O3");
  expect(ruleOf(fencedRegister, write("p", 1n, 0), write("q", 1n, 0))).toBe("O3");
});

const WATCHED = [...BOTH, entry(4, anoints("b")), entry(5, anoints("a"))];

test("O4: a watch tells what happened, from where it began, and says what it leaves out", () => {
  const told = [watched(2n, 1n, ["a", "b"]), watched(3n, 2n, ["b", "a"])];
  expect(ruleOf(watches, ...WATCHED, ...told, watched(4n, 3n, ["a", "b"]))).toBeUndefined();
  const leftOut = [told[0]!, watched(4n, 3n, ["a", "b"])];
  expect(ruleOf(watches, ...WATCHED, ...leftOut)).toBe("O4");
  const gap = watched(4n, 0n, [], true);
  expect(ruleOf(watches, ...WATCHED, told[0]!, gap, leftOut[1]!)).toBeUndefined();
  const gone = watched(2n, 1n, []);
  expect(ruleOf(watches, ...WATCHED, told[0]!, gap, gone, leftOut[1]!)).toBeUndefined();
  expect(ruleOf(watches, ...WATCHED, ...told, told[1]!)).toBe("O4");
  expect(ruleOf(watches, ...WATCHED, ...told, told[0]!)).toBe("O4");
});

test("O4: a watch of what is gone begins where it went, and misses nothing from there", () => {
  const emptied = [entry(4, withdraws("b", 2n, 2)), entry(5, withdraws("a", 1n, 2))];
  const back = [...BOTH, ...emptied, watched(0n, 1n, []), entry(6, enters("b", 2n, 3))];
  expect(ruleOf(watches, ...back, watched(5n, 2n, ["b"]))).toBeUndefined();
  const moved = [...back, entry(7, enters("a", 1n, 3)), entry(8, anoints("a"))];
  expect(ruleOf(watches, ...moved, watched(7n, 3n, ["a", "b"]))).toBe("O4");
});

test("O4: nothing is told that never was, or was otherwise", () => {
  expect(ruleOf(watches, ...WATCHED, watched(9n, 3n, ["a", "b"]))).toBe("O4");
  expect(ruleOf(watches, ...WATCHED, watched(3n, 2n, ["b"]))).toBe("O4");
  expect(ruleOf(watches, ...WATCHED, watched(3n, 1n, ["b", "a"]))).toBe("O4");
});

test("O4: changes of the line of those who wait may take each other's place, the office's may not", () => {
  const [c, d] = [entry(4, opens(3n), enters("c", 3n)), entry(5, opens(4n), enters("d", 4n))];
  const first = watched(2n, 1n, ["a", "b"]);
  const both = watched(4n, 1n, ["a", "b", "c", "d"]);
  expect(ruleOf(watches, ...BOTH, c, d, first, both)).toBeUndefined();
  const moved = entry(6, anoints("b"));
  const after = watched(5n, 2n, ["b", "a", "c", "d"]);
  expect(ruleOf(watches, ...BOTH, c, d, moved, first, after)).toBe("O4");
});

test("O4: of real processes, nothing is told out of order", () => {
  expect(ruleOf(watches, watched(2n, 1n, ["a"]), watched(5n, 2n, ["b"]))).toBeUndefined();
  expect(ruleOf(watches, watched(5n, 2n, ["b"]), watched(2n, 1n, ["a"]))).toBe("O4");
});

test("O7: two replicas, or one and the log, that have applied the same and differ", () => {
  const states = [createPartition(), createPartition()] as const;
  for (const { entries } of BOTH) {
    for (const state of states) {
      const decoded = decodeEntry(entries[0]!.bytes);
      if (decoded.kind === "entry") apply(state, decoded.entry);
    }
  }
  const [one, other] = states;
  const both = running(
    { life: life(1), state: one, status: { appliedIndex: 3 } },
    { life: life(2), state: other, status: { appliedIndex: 3 } },
  );
  expect(ruleOf(replicasAgree, ...BOTH, both)).toBeUndefined();
  expect(ruleOf(replicasAgree, both)).toBeUndefined();

  apply(other, { timeMs: 2_000, commands: [anoints("b")] });

  expect(ruleOf(replicasAgree, both)).toBe("O7");
  const second = server({ life: life(2), state: other, status: { appliedIndex: 3 } });
  expect(ruleOf(replicasAgree, ...BOTH, view({ servers: [second] }))).toBe("O7");
});

test("O8: after everything has healed, somebody stands and nobody leads for too long", () => {
  const stands = { election: "e", candidate: "a", sinceMs: 0 };
  const at = (nowMs: number, isLed = false): Scene =>
    view({ nowMs, waiting: [stands], beliefs: isLed ? [believes("p", 1n)] : [] });
  const healed: Observation = { kind: "healed" };
  const fault: Observation = { kind: "fault", fault: "kill" };
  expect(ruleOf(liveness, healed, at(6_000), at(7_000, true), at(13_000))).toBeUndefined();
  expect(ruleOf(liveness, at(99_000), healed, fault, at(99_000))).toBeUndefined();
  expect(ruleOf(liveness, healed, at(6_300))).toBe("O8");
  expect(ruleOf(liveness, healed, at(7_000, true), at(13_300))).toBe("O8");

  const state = createPartition();
  apply(state, { timeMs: 0, commands: [opens(1n)] });
  const servers = [server({ life: life(1), state })];
  expect(ruleOf(liveness, healed, view({ nowMs: 7_100, waiting: [stands], servers }))).toBe(
    undefined,
  );
  expect(ruleOf(liveness, healed, view({ nowMs: 7_300, waiting: [stands], servers }))).toBe("O8");
});

test("O8: who comes to lead a partition late gives every session a TTL once more, and no longer", () => {
  const state = createPartition();
  apply(state, { timeMs: 0, commands: [opens(1n)] });
  const servers = [server({ life: life(1), state })];
  const waiting = [{ election: "e", candidate: "a", sinceMs: 0 }];
  const saidAt = (nowMs: number): string | undefined => {
    const check = liveness.begin();
    check.observe?.({ kind: "healed" }, 0);
    check.observe?.(leads(life(1), 2), 5_000);
    // As often as the rarest of samples looks.
    const said = Array.from({ length: 1024 }, () =>
      check.step?.(view({ nowMs, waiting, servers })),
    );
    return said.find((found) => found !== undefined)?.rule;
  };

  expect(saidAt(12_100)).toBeUndefined();
  expect(saidAt(12_300)).toBe("O8");
});
