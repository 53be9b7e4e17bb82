// SPDX-License-Identifier: Apache-2.0
/** A watch that resumes after a bare revision: what the election was then, and what came after it. */
import type { ElectionView, WatchResponse } from "@conclave/api";
import { expect, test } from "vitest";
import { createWorld, election, type World } from "./memory-elections.ts";

test("the base is the election as it was read at that revision, whatever has been done to it since", async () => {
  const world = await createWorld();
  const { elections } = world.client;
  const read = async (): Promise<ElectionView | undefined> =>
    (await elections.get({ election })).view;
  const steps: (() => Promise<unknown>)[] = [
    () => world.enter("a", 1n),
    () => world.enter("b", 2n),
    () => world.enter("c", 3n),
    () => elections.anoint({ election, candidate: "c" }),
    () => elections.demote({ election, candidate: "c" }),
    () =>
      elections.updateMetadata({
        election,
        candidate: "b",
        metadata: { zone: "1" },
        command: { sessionId: 2n, number: 50n },
      }),
    () => elections.evict({ election, candidate: "a" }),
    () => elections.delete({ election }),
    () => world.enter("b", 2n),
  ];
  const stood = [await read().catch(() => undefined)];
  for (const step of steps) {
    await step();
    stood.push(await read().catch(() => undefined));
  }

  for (const [revision, then] of stood.entries()) {
    const messages = await resumed(world, BigInt(revision), steps.length - revision + 1);
    const [base, ...changes] = messages.map(({ event }) => event);
    expect(base?.case).toBe("base");
    expect(base?.value).toMatchObject({ asOfRevision: BigInt(revision) });
    // An election that does not exist is read as NOT_FOUND, and shown as one that nobody has entered.
    if (then === undefined) expect(base?.value).toMatchObject({ revision: 0n, queue: [] });
    else expect(base?.value).toEqual({ ...then, asOfRevision: BigInt(revision) });
    const revisions = changes.map((event) => event.case === "change" && event.value.revision);
    expect(revisions).toEqual(steps.map((_, i) => BigInt(i + 1)).slice(revision));
  }
});

test("a watch that resumes without asking for a base gets none", async () => {
  const world = await createWorld();
  await world.enter("a", 1n);
  await world.enter("b", 2n);

  const stream = world.client.elections.watch({ elections: [election], after: 1n });
  const { value } = await stream[Symbol.asyncIterator]().next();

  expect(value?.event.case).toBe("change");
});

/** The first messages of a watch after a revision, and where to go on after each. */
async function resumed(world: World, after: bigint, count: number): Promise<WatchResponse[]> {
  const messages: WatchResponse[] = [];
  const request = { elections: [election], after, withBase: true };
  for await (const message of world.client.elections.watch(request)) {
    expect(message.resume.length).toBeGreaterThan(0);
    messages.push(message);
    if (messages.length === count) break;
  }
  return messages;
}
