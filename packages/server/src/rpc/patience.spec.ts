// SPDX-License-Identifier: Apache-2.0
// How long a unary call waits for a leader: its own deadline, and 5 s at most.

import { expect, test } from "vitest";
import { createMemoryNode } from "../replica/memory-node.ts";
import { createMemoryClient, type MemoryClient, type Refusal, refusalOf } from "./memory-client.ts";

const election = { name: "e" };
const command = { sessionId: 5n, number: 1n };

type Call = (client: MemoryClient, timeoutMs: number) => Promise<unknown>;

const CALLS: [string, Call][] = [
  ["Get", ({ elections }, timeoutMs) => elections.get({ election }, { timeoutMs })],
  [
    "Enter",
    ({ elections }, timeoutMs) =>
      elections.enter({ election, command, candidate: "a" }, { timeoutMs }),
  ],
  [
    "Evict",
    ({ elections }, timeoutMs) => elections.evict({ election, candidate: "a" }, { timeoutMs }),
  ],
  ["OpenSession", ({ sessions }, timeoutMs) => sessions.openSession({}, { timeoutMs })],
  [
    "CloseSession",
    ({ sessions }, timeoutMs) => sessions.closeSession({ sessionId: 5n }, { timeoutMs }),
  ],
];

test.each(CALLS)(
  "%s gives up without a leader when its caller's deadline is over",
  async (_, call) => {
    const world = createMemoryNode();
    world.log(1).follow(undefined);
    let refusal: Refusal | undefined;

    void refusalOf(call(createMemoryClient(world.node), 2_000)).then((told) => {
      refusal = told;
    });
    await world.advance(1_000);
    expect(refusal).toBeUndefined();
    await world.advance(1_040);

    expect(refusal).toMatchObject({ code: "Unavailable", reason: "NO_LEADER" });
  },
);

test.each(CALLS)(
  "%s gives up without a leader after 5 s, however patient its caller",
  async (_, call) => {
    const world = createMemoryNode();
    world.log(1).follow(undefined);
    let refusal: Refusal | undefined;

    void refusalOf(call(createMemoryClient(world.node), 60_000)).then((told) => {
      refusal = told;
    });
    await world.advance(4_900);
    expect(refusal).toBeUndefined();
    await world.advance(140);

    expect(refusal).toMatchObject({ code: "Unavailable", reason: "NO_LEADER" });
  },
);
