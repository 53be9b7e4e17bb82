// SPDX-License-Identifier: Apache-2.0
/** Order and truth of what is sent while the disk is asked for its bytes. */

import { expect, test } from "vitest";
import type { OutgoingMessage, RaftMessage } from "../core/message.ts";
import type { LogEntry } from "../log/entry.ts";
import { createMemoryDisk } from "../memory/index.ts";
import { type LogStore, openStore } from "../store/log-store.ts";
import { EntryCache } from "./entry-cache.ts";
import { Sender } from "./sender.ts";

const TO = 2;

test("what carries entries keeps its order though some of it is read from the disk", async () => {
  const { sender, sent } = await parts({ stored: 5, cached: [4, 5] });

  sender.send(TO, append(1, 2));
  sender.send(TO, append(4, 5));
  sender.send(TO, { kind: "heartbeat", raftTerm: 1, leaderCommit: 3, round: 1 });
  await sender.quiet();

  expect(sent.map(nameOf)).toEqual(["heartbeat", "1 to 2", "4 to 5"]);
});

test("a message whose entries lie on the disk and in memory is filled from both", async () => {
  const { sender, sent } = await parts({ stored: 5, cached: [4, 5] });

  sender.send(TO, append(2, 5));
  await sender.quiet();

  expect(sent.map(nameOf)).toEqual(["2 to 5"]);
});

test("what a leadership was to send is dropped when it has ended: the log may say something else", async () => {
  const old = await parts({ stored: 5, cached: [] });

  old.sender.send(TO, append(1, 2));
  old.leave();
  await old.sender.quiet();

  expect(old.sent).toEqual([]);
});

test("entries that the log has forgotten are said to be unavailable, and nothing behind them is sent", async () => {
  const { sender, sent, unavailable, store } = await parts({ stored: 5, cached: [5] });
  store.log(1).compactTo(3);

  sender.send(TO, append(2, 4));
  sender.send(TO, append(5, 5));
  await sender.quiet();
  expect(sent).toEqual([]);
  expect(unavailable).toEqual([TO]);
  sender.send(TO, append(4, 5));
  await sender.quiet();

  expect(sent.map(nameOf)).toEqual(["4 to 5"]);
});

interface Parts {
  readonly sender: Sender;
  readonly store: LogStore;
  readonly sent: RaftMessage[];
  readonly unavailable: number[];
  /** Ends the leadership. */
  leave(): void;
}

async function parts(log: { stored: number; cached: readonly number[] }): Promise<Parts> {
  const clusterId = new Uint8Array(32).fill(7);
  const disk = createMemoryDisk();
  const limits = { segmentBytes: 4096, recoveryCacheBytesMax: 0 };
  const opened = await openStore({ disk, clusterId, ...limits });
  if (opened.kind !== "opened") throw new Error(opened.kind);
  const { store } = opened;
  const entries = Array.from({ length: log.stored }, (_, i) => entry(i + 1));
  await store.append(entries.map((one) => ({ kind: "entry", group: 1, entry: one })));
  const cache = new EntryCache(10_000);
  for (const index of log.cached) cache.add(entry(index));
  const sent: RaftMessage[] = [];
  const unavailable: number[] = [];
  let isLeading = true;
  const sender = new Sender({
    group: 1,
    store,
    cache,
    send: (_, message) => sent.push(message),
    isLeading: (raftTerm) => isLeading && raftTerm === 1,
    unavailable: (to) => unavailable.push(to),
    damaged: ({ file }) => expect.fail(`${file} is damaged`),
    diskFailed: (detail) => expect.fail(detail),
  });
  const leave = (): void => {
    isLeading = false;
  };
  return { sender, store, sent, unavailable, leave };
}

function append(from: number, through: number): OutgoingMessage {
  const head = {
    kind: "append-entries",
    raftTerm: 1,
    prevLogRaftTerm: 1,
    leaderCommit: 0,
  } as const;
  return { ...head, prevLogIndex: from - 1, from, through };
}

function nameOf(message: RaftMessage): string {
  if (message.kind !== "append-entries") return message.kind;
  const indices = message.entries.map(({ index }) => index);
  expect(indices).toEqual(indices.map((_, i) => message.prevLogIndex + 1 + i));
  return `${indices[0]} to ${indices.at(-1)}`;
}

function entry(index: number): LogEntry {
  return { index, raftTerm: 1, type: "proposal", bytes: new Uint8Array(20).fill(index) };
}
