// SPDX-License-Identifier: Apache-2.0
/** What is said of a proposal that another leader's entry has replaced, or may have. */

import { expect, test } from "vitest";
import type { ProposeOutcome } from "../group.ts";
import type { LogEntry } from "../log/entry.ts";
import { OpenProposals } from "./open-proposals.ts";

test("a proposal whose index was committed with another leader's entry is certainly not applied", async () => {
  const proposals = new OpenProposals();
  const first = proposals.open(1);
  const second = proposals.open(2);
  proposals.entered({ index: 10, raftTerm: 3, proposal: 1 });
  proposals.entered({ index: 11, raftTerm: 3, proposal: 2 });

  proposals.applied([entry(9, 3), entry(10, 3), entry(11, 4)]);

  expect(await first).toEqual({ kind: "applied", index: 10 });
  expect(await second).toEqual({ kind: "not-applied", reason: "not-leader" });
});

test("a proposal that was taken from the log is unknown: another member may still commit it", async () => {
  const proposals = new OpenProposals();
  const kept = proposals.open(1);
  const lost = proposals.open(2);
  proposals.entered({ index: 10, raftTerm: 3, proposal: 1 });
  proposals.entered({ index: 11, raftTerm: 3, proposal: 2 });

  proposals.truncated(11);
  expect(await lost).toEqual({ kind: "unknown" });
  proposals.applied([entry(10, 3)]);

  expect(await kept).toEqual({ kind: "applied", index: 10 });
  expect(proposals.hasAnyInLog).toBe(false);
});

test("at the end what is in the log is unknown and what is not is not applied", async () => {
  const proposals = new OpenProposals();
  const inLog = proposals.open(1);
  const waiting = proposals.open(2);
  proposals.entered({ index: 10, raftTerm: 3, proposal: 1 });

  proposals.end();

  const outcomes: readonly ProposeOutcome[] = [await inLog, await waiting];
  expect(outcomes).toEqual([{ kind: "unknown" }, { kind: "not-applied", reason: "stopped" }]);
});

function entry(index: number, raftTerm: number): LogEntry {
  return { index, raftTerm, type: "proposal", bytes: new Uint8Array(0) };
}
