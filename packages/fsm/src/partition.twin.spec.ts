// SPDX-License-Identifier: Apache-2.0
/** The partition against its dumb twin, on random commands, with every rule checked at each entry. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { apply } from "./apply.ts";
import type { Command } from "./command.ts";
import { decodeEntry } from "./entry-decoder.ts";
import { encodeEntry } from "./entry-encoder.ts";
import { createHistory, recordChanges } from "./history.ts";
import { assertPartitionValid } from "./invariants.ts";
import { keyText } from "./key.ts";
import { createPartition, type PartitionState } from "./partition.ts";
import { checkFence, viewOf } from "./read.ts";
import { restore } from "./snapshot-decoder.ts";
import { snapshot, stateHash } from "./snapshot-encoder.ts";
import {
  call,
  close,
  expire,
  key,
  NO_METADATA,
  open,
  remove,
  showReply,
  steer,
} from "./spec/driver.ts";
import { NaivePartition } from "./spec/naive-partition.ts";
import { randomRuns } from "./spec/random-runs.ts";

const KEYS = [key("e"), key("e", "latch"), key("f")];
const ENTRIES_A_RUN = 60;
const RUNS = 1_400;

/** Ends come with ids drawn anew, so that a run does not run out of sessions. */
const sessionIds = fc.integer({ min: 1, max: 9 }).map(BigInt);
const candidates = fc.constantFrom("a", "b", "c", "d");
const keys = fc.constantFrom(...KEYS);
const verbs = fc.constantFrom("anoint", "promote", "demote", "evict" as const);

const commands: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: sessionIds.map(open) },
  { weight: 1, arbitrary: sessionIds.map(close) },
  { weight: 1, arbitrary: fc.tuple(sessionIds, sessionIds).map((ids) => expire(...ids)) },
  {
    weight: 20,
    arbitrary: fc
      .record({
        key: keys,
        candidate: candidates,
        sessionId: sessionIds,
        number: fc.integer({ min: 1, max: 200 }),
        takeover: fc.boolean(),
        kind: fc.constantFrom("enter", "enter", "withdraw", "update-metadata" as const),
      })
      .map(({ sessionId, number, kind, takeover, ...rest }) => {
        const id = { sessionId, number, acknowledged: 0 };
        const metadata = NO_METADATA;
        if (kind === "withdraw") return { kind, id, ...rest };
        return kind === "enter"
          ? { kind, id, metadata, takeover, ...rest }
          : { kind, id, metadata, ...rest };
      }),
  },
  {
    weight: 8,
    arbitrary: fc.tuple(verbs, candidates, keys).map(([verb, c, k]) => steer(verb, c, { key: k })),
  },
  { weight: 1, arbitrary: keys.map((k) => remove(k)) },
  {
    weight: 8,
    arbitrary: fc
      .tuple(
        sessionIds,
        fc.oneof(fc.constantFrom("enter", "withdraw" as const), verbs),
        candidates,
        keys,
      )
      .map(([id, kind, candidate, k]) => call(id, { kind, candidate, key: k })),
  },
);
const entries = fc.array(fc.array(commands, { minLength: 1, maxLength: 4 }), {
  minLength: ENTRIES_A_RUN,
  maxLength: ENTRIES_A_RUN,
});

test("on 200,000 random commands the partition answers as its twin and breaks no rule", () => {
  let applied = 0;
  fc.assert(
    fc.property(entries, (run) => {
      const state = createPartition();
      const twin = new NaivePartition();
      const history = createHistory({ floor: 0n });
      for (const [i, batch] of run.entries()) {
        const { replies, changes } = apply(state, { timeMs: i, commands: batch });
        recordChanges(history, changes);
        const [answers, wanted] = [replies.map(showReply), twin.apply(batch)];
        // To compare texts costs little; what differs is then shown in full.
        if (answers.join() !== wanted.join()) expect(answers).toEqual(wanted);
        assertPartitionValid(state);
        expectSame(state, twin);
        applied += batch.length;
      }
    }),
    randomRuns(RUNS),
  );
  expect(applied).toBeGreaterThan(200_000);
}, 60_000);

test("a restored snapshot goes on exactly as the state that it was taken of", () => {
  fc.assert(
    fc.property(entries, fc.nat(ENTRIES_A_RUN), (run, cut) => {
      const state = createPartition();
      for (const [i, batch] of run.slice(0, cut).entries()) {
        apply(state, { timeMs: i, commands: batch });
      }
      const restored = restore(snapshot(state));
      expect(restored.kind).toBe("restored");
      if (restored.kind !== "restored") return;
      expect(stateHash(restored.state)).toBe(stateHash(state));
      for (const [i, batch] of run.slice(cut).entries()) {
        const entry = { timeMs: cut + i, commands: batch };
        expect(apply(restored.state, entry)).toEqual(apply(state, entry));
      }
      expect(stateHash(restored.state)).toBe(stateHash(state));
    }),
    randomRuns(100),
  );
}, 60_000);

test("an entry that was written is read back as it was", () => {
  fc.assert(
    fc.property(fc.array(commands, { maxLength: 8 }), fc.nat(2 ** 45), (batch, timeMs) => {
      const entry = { timeMs, commands: batch };
      expect(decodeEntry(encodeEntry(entry))).toEqual({ kind: "entry", entry });
    }),
    randomRuns(2_000),
  );
});

function expectSame(state: PartitionState, twin: NaivePartition): void {
  if (state.revision !== BigInt(twin.revision)) expect(state.revision).toBe(BigInt(twin.revision));
  for (const k of KEYS) {
    const view = viewOf(state, k);
    const places = view?.leader === undefined ? [] : [view.leader, ...view.queue];
    const seen = places.map((c) => `${c.name}/${c.sessionId}`).join();
    const wanted = (twin.lists.get(keyText(k)) ?? []).map((p) => `${p.name}/${p.session}`).join();
    if (seen !== wanted) expect(seen).toBe(wanted);
    // The fence remembers the term of a deleted name too.
    const { term } = checkFence(state, k, 1n);
    const wantedTerm = twin.terms.get(keyText(k)) ?? 0n;
    if (term !== wantedTerm) expect(term).toBe(wantedTerm);
  }
}
