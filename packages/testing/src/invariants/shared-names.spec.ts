// SPDX-License-Identifier: Apache-2.0
/** What rules say of processes that are told apart by their sessions only, and of watches that promise. */

import { expect, test } from "vitest";
import type { Observation } from "../world/observation.ts";
import { toldIsOver } from "./c3-told-is-over.ts";
import { noEarlyGrant } from "./o2-no-early-grant.ts";
import { watches } from "./o4-watches.ts";
import {
  anoints,
  believes,
  enters,
  entry,
  opens,
  takes,
  verdictOf,
  view,
  watched,
} from "./spec/seen.ts";

/** a leads in term 1, b waits; their sessions are 1 and 2, of the clients p and q. */
const BOTH = [
  drawn("p", 1n),
  drawn("q", 2n),
  ...[entry(1, opens(1n), opens(2n)), entry(2, enters("a", 1n)), entry(3, enters("b", 2n))],
];

test("O2: an office is for the process that it was given to, not for another of its name", () => {
  expect(verdictOf(noEarlyGrant, [...BOTH, takes("p", "a", 1n)])).toBeUndefined();
  expect(verdictOf(noEarlyGrant, [...BOTH, takes("q", "a", 1n)])?.rule).toBe("O2");
});

test("C3: a leader that was moved believes no more once a later renewal of it is acknowledged", () => {
  const moved = entry(4, anoints("b"));
  const believing = view({ beliefs: [believes("p", 1n)] });
  const early = [...BOTH, sent(1n), moved, confirmed(1n), believing];
  expect(verdictOf(toldIsOver, early)).toBeUndefined();
  const late = [...BOTH, moved, sent(2n), confirmed(2n), believing];
  expect(verdictOf(toldIsOver, late)?.rule).toBe("C3");
  const other = [...BOTH, moved, sent(2n), { ...confirmed(2n), partition: 2 }, believing];
  expect(verdictOf(toldIsOver, other)).toBeUndefined();
});

test("O4: a watch that says to have told everything has told everything", () => {
  const moved = [...BOTH, entry(4, anoints("b"))];
  const begun = watched(2n, 1n, ["a", "b"]);
  expect(verdictOf(watches, [...moved, begun, progress(2n)])).toBeUndefined();
  expect(verdictOf(watches, [...moved, begun, progress(3n)])?.rule).toBe("O4");
  const gap = watched(3n, 0n, [], true);
  expect(verdictOf(watches, [...moved, begun, gap, progress(3n)])).toBeUndefined();
});

test("O4: a watch does not take what there has been for what is yet to come", () => {
  const failed = (code: string): Observation => ({
    ...{ kind: "watch-failed", client: "w", watch: 1, code },
  });
  expect(verdictOf(watches, [...BOTH, failed("CLOSED")])).toBeUndefined();
  expect(verdictOf(watches, [...BOTH, failed("GAP")])?.rule).toBe("O4");
});

function drawn(client: string, sessionId: bigint): Observation {
  return { kind: "session-drawn", client, sessionId };
}

function sent(number: bigint): Observation {
  return { kind: "renewal-sent", client: "p", sessionId: 1n, number };
}

function confirmed(number: bigint): Extract<Observation, { kind: "renewal-confirmed" }> {
  return { kind: "renewal-confirmed", client: "p", sessionId: 1n, partition: 1, number };
}

function progress(revision: bigint): Observation {
  return { kind: "watch-progress", client: "w", watch: 1, election: "e", revision };
}
