// SPDX-License-Identifier: Apache-2.0

import { create } from "@bufbuild/protobuf";
import { type AttachReply, AttachReplySchema } from "@conclave/api";
import { expect, test } from "vitest";
import { notApplied } from "../wire/failure.ts";
import { type FrameSource, Outbox } from "./outbox.ts";

const nothing: FrameSource = { fill: () => false, refusedCount: 0 };
const reply = (correlation: bigint): AttachReply => create(AttachReplySchema, { correlation });

test("a client that does not read is reported once more waits than may, and only once", () => {
  let overflows = 0;
  const outbox = new Outbox(nothing, () => {
    overflows++;
    outbox.end({ kind: "failed", failure: notApplied("slow_watcher") });
  });

  for (let i = 0; i < 65_536; i++) outbox.reply(reply(BigInt(i)));
  expect(overflows).toBe(0);
  for (let i = 0; i < 10; i++) outbox.reply(reply(0n));

  expect(overflows).toBe(1);
});

test("a client that does not read is reported once too many bytes of answers wait for it", () => {
  let overflows = 0;
  const outbox = new Outbox(nothing, () => overflows++);

  for (let i = 0n; i < 256n; i++) outbox.reply(reply(i), 256 * 1024);
  expect(overflows).toBe(0);
  outbox.take();
  outbox.reply(reply(256n), 256 * 1024);
  expect(overflows).toBe(0);
  outbox.reply(reply(257n), 256 * 1024);

  expect(overflows).toBe(1);
});

test("large answers are spread over frames, in order, one at least in each", () => {
  const outbox = new Outbox(nothing, () => {});
  for (let i = 0n; i < 4n; i++) outbox.reply(reply(i), 200 * 1024);
  outbox.reply(reply(4n), 1 << 20);

  const frames: bigint[][] = [];
  for (let frame = outbox.take(); frame !== undefined; frame = outbox.take()) {
    frames.push(frame.replies.map(({ correlation }) => correlation));
  }

  expect(frames).toEqual([[0n], [1n], [2n], [3n], [4n]]);
});

test("all that waits and is small goes out in one frame", () => {
  const outbox = new Outbox(nothing, () => {});

  for (let i = 0n; i < 1_000n; i++) outbox.reply(reply(i));

  expect(outbox.take()?.replies).toHaveLength(1_000);
  expect(outbox.take()).toBeUndefined();
});

test("a source that turns out to have nothing makes no empty frame", () => {
  const outbox = new Outbox(nothing, () => {});

  outbox.sourceReady();

  expect(outbox.take()).toBeUndefined();
});

test("the first reason to end stands, and nothing is sent once nobody reads", () => {
  const outbox = new Outbox(nothing, () => {});
  outbox.reply(reply(1n));

  outbox.end({ kind: "gone" });
  outbox.end({ kind: "goodbye", reason: "too late" });

  expect(outbox.ended).toEqual({ kind: "gone" });
  expect(outbox.take()).toBeUndefined();
});
