// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { RaftMessage } from "../core/message.ts";
import type { GroupId, ReplicaId } from "../ids.ts";
import { Outbox } from "./outbox.ts";

/** What went out, a text for each message: group, kind, and its round or commit. */
function createTold(): { readonly outbox: Outbox; readonly frames: (readonly string[])[] } {
  const frames: (readonly string[])[] = [];
  const outbox = new Outbox({
    send: (_to, messages) => {
      frames.push(messages.map(({ group, message }) => `${group} ${message.kind}`));
    },
  });
  return { outbox, frames };
}

const PEER = 2 as ReplicaId;

function heartbeat(over: Partial<Extract<RaftMessage, { kind: "heartbeat" }>> = {}): RaftMessage {
  return { kind: "heartbeat", raftTerm: 1, leaderCommit: 5, round: 3, ...over };
}

function answer(round: number, raftTerm = 1): RaftMessage {
  return { kind: "heartbeat-response", raftTerm, round };
}

function add(outbox: Outbox, messages: readonly (readonly [GroupId, RaftMessage])[]): void {
  for (const [group, message] of messages) outbox.add(PEER, group, message);
}

test("heartbeats and answers that say nothing new wait for the beat and share its frame", () => {
  const { outbox, frames } = createTold();
  add(outbox, [
    [1, heartbeat()],
    [2, answer(3)],
  ]);
  outbox.flush(false);
  frames.length = 0;

  add(outbox, [[1, heartbeat()]]);
  outbox.flush(false);
  add(outbox, [
    [1, heartbeat({ round: 0 })],
    [2, answer(0)],
  ]);
  outbox.flush(false);
  expect(frames).toEqual([]);
  outbox.flush(true);
  outbox.flush(true);

  expect(frames).toEqual([["1 heartbeat", "2 heartbeat-response"]]);
});

test.each([
  ["a new round, for which somebody waits", heartbeat({ round: 4 })],
  ["news of the commit", heartbeat({ leaderCommit: 6, round: 0 })],
  ["a new raftTerm", heartbeat({ raftTerm: 2, leaderCommit: 0, round: 0 })],
  ["the answer to a new round", answer(4)],
  ["an answer in another raftTerm", answer(0, 2)],
])("%s goes at once", (_, message) => {
  const { outbox, frames } = createTold();
  add(outbox, [
    [1, heartbeat()],
    [1, answer(3)],
  ]);
  outbox.flush(true);
  frames.length = 0;

  add(outbox, [[1, message]]);
  outbox.flush(false);

  expect(frames).toEqual([[`1 ${message.kind}`]]);
});

test("what waits goes with anything else that goes to the same replica", () => {
  const { outbox, frames } = createTold();
  add(outbox, [[1, heartbeat()]]);
  outbox.flush(true);
  frames.length = 0;

  add(outbox, [
    [1, heartbeat()],
    [2, { kind: "timeout-now", raftTerm: 1 }],
  ]);
  outbox.flush(false);

  expect(frames).toEqual([["1 heartbeat", "2 timeout-now"]]);
});

test("what one replica has been told is news to another", () => {
  const { outbox, frames } = createTold();
  outbox.add(PEER, 1, heartbeat());
  outbox.flush(false);

  outbox.add(3 as ReplicaId, 1, heartbeat());
  outbox.flush(false);

  expect(frames).toHaveLength(2);
});
