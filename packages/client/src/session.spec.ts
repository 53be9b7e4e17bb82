// SPDX-License-Identifier: Apache-2.0
/** What a session says and hears in one stream, where order and number decide. */
import { create } from "@bufbuild/protobuf";
import { type AttachResponse, LeaseSchema, LeaseStatus, Reason } from "@conclave/api";
import { expect, test } from "vitest";
import { refusal } from "./memory/memory-commands.ts";
import { createWorld, nameOn, type Process } from "./memory/memory-world.ts";

test("more campaigns than a partition keeps answers for are all entered", async () => {
  const world = createWorld({ partitionCount: 1 });
  const { client } = await world.start();
  let led = 0;
  world.server.stall(1, true);

  for (let n = 0; n < 1_500; n++) {
    void client
      .election(`e${n}`)
      .campaign()
      .then(() => {
        led += 1;
      });
  }
  // Refused for now, they are asked for again in any order: the first number may come last.
  await world.advance(50);
  world.server.stall(1, false);
  await world.advance(1_000);

  expect(led).toBe(1_500);
});

test("a command that waits for one partition keeps no answers of another", async () => {
  const world = createWorld();
  const a = await world.start();
  world.server.stall(2, true);
  void a.client.election(nameOn(2)).campaign();
  await world.settle();

  for (let n = 0; n < 3; n++) await a.client.election(nameOn(1)).lead(async () => {});

  expect(lastAcknowledged(a)).toBe(6n);
});

test("a renewal from before the registration does not end it", async () => {
  const world = createWorld();
  const a = await world.start();
  // The renewal was answered first, and its answer shares a frame with that of the Enter.
  a.fromServer = (frame) => {
    if (!frame.replies.some(({ reply }) => reply.case === "enter")) return frame;
    a.fromServer = (later) => later;
    const status = LeaseStatus.NOT_REGISTERED;
    const leases = [1, 2].map((partition) => create(LeaseSchema, { partition, status }));
    return { ...frame, leases };
  };

  const leadership = await a.client.election("orders").campaign();

  expect(String(leadership.assertHeld())).toBe("orders#1");
});

test("an election that a reading missed, because the Enter came after it, is led without doubt", async () => {
  const world = createWorld();
  const a = await world.start();
  a.fromServer = (frame) => (frame.welcome === undefined ? undefined : frame);
  const campaigning = a.client.election("orders").campaign({ ttlMs: 1_000 });
  await world.settle();

  let missed = 0;
  a.network.reset();
  a.fromServer = (frame) => {
    if (missed > 0 || !frame.replies.some(({ reply }) => reply.case === "get")) return frame;
    missed += 1;
    return withoutElection(frame);
  };
  const leadership = await advanceUntil(world.advance, campaigning);
  await world.advance(1_000);

  expect(missed).toBe(1);
  expect(String(leadership.assertHeld())).toBe("orders#1");
});

function lastAcknowledged({ sent }: Process): bigint | undefined {
  const ids = sent.flatMap(({ frame }) =>
    frame.commands.map(({ command }) =>
      command.case === "withdraw" ? command.value.command?.acknowledged : undefined,
    ),
  );
  return ids.findLast((id) => id !== undefined);
}

/** Answers a reading as a server does that has not applied the Enter yet. */
function withoutElection(frame: AttachResponse): AttachResponse {
  const missing = refusal("not_found", Reason.NO_SUCH_ELECTION, "no such election");
  const replies = frame.replies.map((one) =>
    one.reply.case === "get" ? { ...one, reply: missing } : one,
  );
  return { ...frame, replies };
}

async function advanceUntil<T>(
  advance: (ms: number) => Promise<void>,
  promise: Promise<T>,
): Promise<T> {
  let isSettled = false;
  void promise.then(() => {
    isSettled = true;
  });
  for (let ms = 0; ms < 2_000 && !isSettled; ms += 10) await advance(10);
  return promise;
}
