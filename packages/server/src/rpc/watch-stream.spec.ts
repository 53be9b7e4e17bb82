// SPDX-License-Identifier: Apache-2.0

import { create } from "@bufbuild/protobuf";
import { WatchRequestSchema } from "@conclave/api";
import { expect, test } from "vitest";
import { createMemoryNode } from "../replica/memory-node.ts";
import { watch } from "./watch-stream.ts";

test("a caller that resets its stream in the midst of a message, behind in reading, leaves no watch", async () => {
  const { node } = createMemoryNode(2);
  const leaving = new AbortController();
  const stream = watch(node, create(WatchRequestSchema, { prefix: {} }), leaving.signal);
  await stream.next();
  expect(node.partitions.some(({ watchers }) => watchers.isEmpty)).toBe(false);

  // The transport, which waits for room to write, calls neither `next` nor `return` any more.
  leaving.abort();

  expect(node.partitions.every(({ watchers }) => watchers.isEmpty)).toBe(true);
});
