// SPDX-License-Identifier: Apache-2.0
// Sessions that Attach registers with their first Enter, where something comes in between.

import { Reason } from "@conclave/api";
import { expect, test } from "vitest";
import { createMemoryNode, type MemoryNode, settled } from "../replica/memory-node.ts";
import { type AttachClient, createMemoryClient } from "./memory-client.ts";

const S = 5n;
const election = { name: "e" };
/** Of `election` among two partitions. */
const HOME = 1;

async function attach({ node }: MemoryNode, graceMs: number): Promise<AttachClient> {
  const stream = createMemoryClient(node).attach();
  const disconnectGrace = { seconds: 0n, nanos: graceMs * 1_000_000 };
  await stream.send({ hello: { session: { sessionId: S, options: { disconnectGrace } } } });
  return stream;
}

function enter(candidate: string, number: bigint) {
  const value = { election, candidate, command: { sessionId: S, number } };
  return { correlation: number, command: { case: "enter" as const, value } };
}

test("a session that was registered under other options since the hello is not taken for one's own", async () => {
  const world = createMemoryNode(2);
  const [first, second] = [await attach(world, 500), await attach(world, 600)];
  await first.send({ commands: [enter("a", 1n)] });

  await second.send({ commands: [enter("b", 2n)] });

  const [refused] = second.replies;
  expect(refused?.reply.case === "error" && refused.reply.value.info?.reason).toBe(
    Reason.SESSION_MISMATCH,
  );
  expect(world.log(HOME).entries).toHaveLength(1);
});

test.each(["cancel", "halfClose"] as const)(
  "schedule E: a client that leaves (%s) while its first Enter is under way starts the grace",
  async (leave) => {
    const world = createMemoryNode(2);
    const stream = await attach(world, 500);
    world.log(HOME).stall();
    await stream.send({ commands: [enter("a", 1n)] });

    await stream[leave]();
    world.log(HOME).resume();
    await settled();
    expect(world.node.partition(HOME).session(S)).toMatchObject({ ttlMs: 10_000 });
    await world.advance(600);

    expect(world.node.partition(HOME).session(S)).toBe("ended");
  },
);
