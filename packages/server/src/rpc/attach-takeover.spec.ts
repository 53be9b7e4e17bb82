// SPDX-License-Identifier: Apache-2.0
// A candidacy that waits is taken over without anything to be seen: who is told of it from then on.

import { CandidacyState } from "@conclave/api";
import { expect, test } from "vitest";
import { createMemoryNode } from "../replica/memory-node.ts";
import { createMemoryClient } from "./memory-client.ts";

const election = { name: "e" };

test("who took over a candidacy that waits is told when its office, and then its place, is lost", async () => {
  const client = createMemoryClient(createMemoryNode(2).node);
  const attach = async (sessionId: bigint, candidate: string, takeover = false) => {
    const stream = client.attach();
    await stream.send({ hello: { session: { sessionId } } });
    const value = { election, candidate, takeover, command: { sessionId, number: 1n } };
    await stream.send({ commands: [{ correlation: 1n, command: { case: "enter", value } }] });
    return stream;
  };
  await attach(1n, "first");
  const before = await attach(2n, "x");
  const after = await attach(3n, "x", true);

  await client.elections.anoint({ election, candidate: "x" });
  await client.elections.anoint({ election, candidate: "first" });
  await client.elections.evict({ election, candidate: "x" });
  await after.send({});

  const { LEADING, WAITING, GONE } = CandidacyState;
  expect(after.candidacies.map(({ state }) => state)).toEqual([LEADING, WAITING, GONE]);
  expect(before.candidacies.map(({ state }) => state)).toEqual([GONE]);
});
