// SPDX-License-Identifier: Apache-2.0
/**
 * A process of the spike: writes what it is sent to a file, one batch per fsync in flight, and answers.
 * With the URLs of followers as arguments it leads: a batch is answered when it and one of them have it.
 *
 * It has no state machine, no terms and no recovery: it is the ceiling of this shape and not a service.
 */

import { open } from "node:fs/promises";
import { createServer } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { connectSpike } from "./client.ts";
import { createOutbox } from "./outbox.ts";
import { FrameSchema, type Op, OpSchema, SpikeService } from "./wire.ts";

/** Preallocated, and written again from its beginning when it is full. */
const FILE_BYTES = 16 * 1024 * 1024;
const NOTHING = new Uint8Array(0);

const [path = "", ...followerUrls] = process.argv.slice(2);
const followers = followerUrls.map(connectSpike);
const file = await open(path, "w+");
await file.write(new Uint8Array(FILE_BYTES), 0);
await file.sync();

interface Asked {
  readonly op: Op;
  readonly answer: (op: Op) => void;
}

let gathered: Asked[] = [];
let isWriting = false;
let offset = 0;

const server = createServer(
  connectNodeAdapter({
    routes: (router) => router.service(SpikeService, { exchange }),
    readMaxBytes: FILE_BYTES,
  }),
);
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  console.log(`ready on http://127.0.0.1:${port}`);
});

async function* exchange(requests: AsyncIterable<{ readonly ops: readonly Op[] }>) {
  const outbox = createOutbox();
  const read = async (): Promise<void> => {
    for await (const { ops } of requests) {
      for (const op of ops) gathered.push({ op, answer: outbox.push });
      if (!isWriting) void writeAll();
    }
    outbox.end();
  };
  void read().catch(outbox.end);
  yield* outbox.frames();
}

async function writeAll(): Promise<void> {
  isWriting = true;
  while (gathered.length > 0) {
    const batch = gathered;
    gathered = [];
    const bytes = toBinary(FrameSchema, create(FrameSchema, { ops: batch.map(({ op }) => op) }));
    const copies = followers.map((follower) => follower.perform(bytes));
    await Promise.all([writeDurably(bytes), ...(copies.length > 0 ? [Promise.any(copies)] : [])]);
    for (const { op, answer } of batch) answer(create(OpSchema, { id: op.id, payload: NOTHING }));
  }
  isWriting = false;
}

async function writeDurably(bytes: Uint8Array): Promise<void> {
  if (offset + bytes.length > FILE_BYTES) offset = 0;
  await file.write(bytes, 0, bytes.length, offset);
  await file.datasync();
  offset += bytes.length;
}
