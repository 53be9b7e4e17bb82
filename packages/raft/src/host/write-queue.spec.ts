// SPDX-License-Identifier: Apache-2.0
/** Who is told what when a full disk takes only a part of a turn's records. */

import { expect, test } from "vitest";
import type { LogRecord } from "../store/log-record.ts";
import { WriteQueue } from "./write-queue.ts";

test("of a batch that was written in part, only those are told whose every record is durable", () => {
  const told: string[] = [];
  const queue = new WriteQueue();
  queue.add([vote(1), vote(2)], () => told.push("a"));
  queue.add([vote(3), vote(4)], () => told.push("b"));

  const left = queue.take().synced(3);

  expect(told).toEqual(["a"]);
  expect(left.records).toEqual([vote(4)]);
});

test("what could not be written goes before what has gathered since, and each is told in its turn", () => {
  const told: string[] = [];
  const queue = new WriteQueue();
  queue.add([vote(1), vote(2)], () => told.push("a"));
  const batch = queue.take();
  queue.add([vote(3)], () => told.push("b"));

  queue.putBack(batch.synced(1));

  const next = queue.take();
  expect(next.records).toEqual([vote(2), vote(3)]);
  const last = next.synced(1);
  expect(told).toEqual(["a"]);
  last.synced(1);
  expect(told).toEqual(["a", "b"]);
});

/** A record that is told from others by its raftTerm. */
function vote(raftTerm: number): LogRecord {
  return { kind: "hard-state", group: 1, hardState: { raftTerm, votedFor: 1 } };
}
