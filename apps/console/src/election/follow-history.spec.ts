// SPDX-License-Identifier: Apache-2.0
/** Reading as far back as a server remembers. */
import { type Change, ElectionError, type View } from "@conclave/client";
import { expect, test } from "vitest";
import { followHistory, type HistoryState } from "./follow-history.ts";

function elected(term: bigint): Change {
  const leader = { id: "a", instance: "00", metadata: {} };
  const view: View = { election: "e", revision: term, term, leader, queue: [], sinceMs: 0 };
  return { type: "elected", view, cause: "entered", reason: "", timeMs: Number(term) };
}

/** A server that remembers the changes after `floor` only. */
function serverWith(floor: bigint, changes: readonly Change[]) {
  const asked: (bigint | undefined)[] = [];
  return {
    asked,
    async *watch({ after }: { readonly after?: bigint } = {}): AsyncGenerator<Change> {
      asked.push(after);
      if ((after ?? 0n) < floor) {
        yield { type: "gap", lost: [after ?? 0n, floor] };
        throw new Error("who has met a gap reads no further");
      }
      yield* changes;
    },
  };
}

async function read(server: Parameters<typeof followHistory>[0]): Promise<HistoryState[]> {
  const states: HistoryState[] = [];
  await followHistory(server, new AbortController().signal, (state) => states.push(state));
  return states;
}

test("a server that remembers everything is read from the beginning", async () => {
  const server = serverWith(0n, [elected(1n), elected(2n)]);
  const state = (await read(server)).at(-1);
  expect(server.asked).toEqual([0n]);
  expect(state).toMatchObject({ isLoaded: true, isCutOff: false, failure: undefined });
  expect(state?.history.map((span) => span.term)).toEqual([1n, 2n]);
});

test("where history begins later, it is read from there, and said to be cut off", async () => {
  const server = serverWith(7n, [elected(8n)]);
  const state = (await read(server)).at(-1);
  expect(server.asked).toEqual([0n, 7n]);
  expect(state).toMatchObject({ isLoaded: true, isCutOff: true });
  expect(state?.history.map((span) => span.term)).toEqual([8n]);
});

test("an election in which nothing has happened since is known to be without news", async () => {
  const server = serverWith(7n, [{ type: "progress", revision: 9n }]);
  expect((await read(server)).at(-1)).toMatchObject({ isLoaded: true, history: [] });
});

test("a revision that the cluster has never reached starts the reading over", async () => {
  let watches = 0;
  const restored = {
    async *watch(): AsyncGenerator<Change> {
      watches++;
      if (watches === 1) throw new ElectionError("GAP", "restored");
      yield elected(3n);
    },
  };
  expect((await read(restored)).at(-1)).toMatchObject({ isLoaded: true, failure: undefined });
});

test("what would fail again is told", async () => {
  const denied = {
    // biome-ignore lint/correctness/useYield: it fails before there is anything to tell.
    async *watch(): AsyncGenerator<Change> {
      throw new ElectionError("DENIED", "no role");
    },
  };
  expect((await read(denied)).at(-1)).toMatchObject({ isLoaded: true, failure: "no role" });
});
