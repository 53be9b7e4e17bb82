// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { refusalOf } from "./memory-client.ts";
import { createWorld, election, queueOf, type World } from "./memory-elections.ts";

const REFUSED: readonly (readonly [
  sentence: string,
  code: string,
  reason: string,
  run: (world: World) => Promise<unknown>,
])[] = [
  ...(["anoint", "promote", "demote", "evict"] as const).map(
    (verb) =>
      [
        `${verb} of an unknown candidate`,
        "NotFound",
        "NOT_A_CANDIDATE",
        (world: World) => world.client.elections[verb]({ election, candidate: "x" }),
      ] as const,
  ),
  [
    "anoint in an unknown election",
    "NotFound",
    "NO_SUCH_ELECTION",
    ({ client }) => client.elections.anoint({ election: { name: "none" }, candidate: "a" }),
  ],
  [
    "deletion of an unknown election",
    "NotFound",
    "NO_SUCH_ELECTION",
    ({ client }) => client.elections.delete({ election: { name: "none" } }),
  ],
  [
    "entering a name that another session holds",
    "AlreadyExists",
    "HELD_BY_ANOTHER_SESSION",
    (world) => world.enter("a", 2n),
  ],
  [
    "withdrawing another session's candidate",
    "FailedPrecondition",
    "HELD_BY_ANOTHER_SESSION",
    async (world) => {
      await world.client.sessions.openSession({ sessionId: 2n });
      await world.client.elections.withdraw({
        election,
        candidate: "a",
        command: { sessionId: 2n, number: 1n },
      });
    },
  ],
  [
    "withdrawing a candidate that is not there",
    "NotFound",
    "NOT_A_CANDIDATE",
    ({ client }) =>
      client.elections.withdraw({
        election,
        candidate: "x",
        command: { sessionId: 1n, number: 9n },
      }),
  ],
  [
    "entering under a session that was never opened",
    "FailedPrecondition",
    "SESSION_UNKNOWN",
    ({ client }) =>
      client.elections.enter({ election, candidate: "z", command: { sessionId: 99n, number: 1n } }),
  ],
  [
    "a stale compare-and-set",
    "FailedPrecondition",
    "REVISION_MISMATCH",
    ({ client }) =>
      client.elections.anoint({ election, candidate: "a", options: { ifRevision: 7n } }),
  ],
  [
    "a request id with other content",
    "InvalidArgument",
    "REQUEST_ID_REUSED",
    async ({ client }) => {
      const options = { requestId: "once" };
      await client.elections.demote({ election, candidate: "a", options });
      await client.elections.anoint({ election, candidate: "a", options });
    },
  ],
  [
    "an answer that was acknowledged",
    "FailedPrecondition",
    "ALREADY_ANSWERED",
    async (world) => {
      const command = { sessionId: 1n, number: 9n, acknowledged: 8n };
      await world.client.elections.enter({ election, candidate: "a", command });
      await world.client.elections.enter({
        election,
        candidate: "a",
        command: { sessionId: 1n, number: 8n },
      });
    },
  ],
  [
    "a session opened under other options",
    "FailedPrecondition",
    "SESSION_MISMATCH",
    ({ client }) =>
      client.sessions.openSession({ sessionId: 1n, options: { ttl: { seconds: 11n } } }),
  ],
  [
    "a resume point of another cluster",
    "FailedPrecondition",
    "OTHER_CLUSTER",
    async ({ client }) => {
      const resume = new Uint8Array(17).fill(1);
      for await (const _ of client.elections.watch({ prefix: {}, resume }));
    },
  ],
  [
    "a watch ahead of what the leader has reached",
    "OutOfRange",
    "RESUME_AHEAD",
    async ({ client }) => {
      for await (const _ of client.elections.watch({ elections: [election], after: 999n }));
    },
  ],
];

test.each(REFUSED)("%s is refused as %s, %s, and not applied", async (_, code, reason, run) => {
  const world = await createWorld();
  await world.enter("a", 1n);

  const refusal = await refusalOf(run(world));

  expect(refusal).toMatchObject({ code, reason, outcome: "NOT_APPLIED" });
  expect(await queueOf(world)).toEqual(["a"]);
});
