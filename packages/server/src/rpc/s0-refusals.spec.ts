// SPDX-License-Identifier: Apache-2.0
/**
 * What S0 is refused: what can never succeed in band, so that clients give it up, and the rest as a
 * status, since they repeat that (semantics 4.1.7, A5).
 */

import type { Command } from "@conclave/fsm";
import { ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { createMemoryNode, type MemoryNode, settled } from "../replica/memory-node.ts";
import { open as openNative, S } from "../replica/memory-session.ts";
import { openS0, type S0Answer, S0Client, type S0Header } from "./memory-s0.ts";

/** Of `e` among three partitions. */
const HOME = 3;
const KEY = { kind: "election", namespace: "ns", name: "e" } as const;

async function created(memory: MemoryNode): Promise<S0Client> {
  const client = await S0Client.open(openS0(memory), HOME);
  await client.create();
  return client;
}

describe("sessions that are none", () => {
  test.each([
    ["nobody's", 0n],
    ["one that was never opened", 99n],
    ["one whose numbers are of another kind", S],
  ])("%s is refused in band, whatever it asks", async (_, sessionId) => {
    const memory = createMemoryNode(3);
    await openNative(memory, { partition: HOME });
    const client = await created(memory);
    await client.ask("enter", "a");
    const stranger = new S0Client(client.door, HOME, "e", sessionId);
    const before = memory.node.partition(HOME).revision;

    const answers = [
      await stranger.create(),
      await stranger.ask("enter", "x"),
      await stranger.ask("evict", "a"),
      await stranger.ask("evict", "a", { requestId: 0n }),
      await stranger.delete(),
      await stranger.getTerm(),
      await stranger.keepAlive(),
      await stranger.closeSession(),
    ];
    const watch = await stranger.watch();

    const refused = sessionId === 0n ? "ERROR" : `session ${sessionId} ERROR`;
    expect(answers.map(({ shown }) => shown)).toEqual(answers.map(() => refused));
    expect([watch.shown, watch.end]).toEqual([[refused], "closed"]);
    expect(memory.node.partition(HOME).revision).toBe(before);
    expect(memory.node.partition(HOME).session(S)).not.toBe("ended");
  });
});

describe("schedule G", () => {
  test("a call for a name that is at home elsewhere is refused, and changes nothing anywhere", async () => {
    const memory = createMemoryNode(3);
    const client = await created(memory);
    await client.ask("enter", "a");
    const elsewhere = await S0Client.open(client.door, 1);
    await elsewhere.create();
    const before = memory.node.partitions.map(({ revision }) => revision);

    const answers = [
      await elsewhere.ask("enter", "x"),
      await elsewhere.ask("withdraw", "a"),
      await elsewhere.ask("evict", "a", { requestId: 0n }),
      await elsewhere.getTerm(),
    ];
    const watch = await elsewhere.watch();

    expect(answers.map(({ shown }) => shown)).toEqual(answers.map(() => "session 1 ERROR"));
    expect(watch.shown).toEqual(["session 1 ERROR"]);
    expect(memory.node.partitions.map(({ revision }) => revision)).toEqual(before);
    const views = memory.node.partitions.map((partition) => partition.view(KEY).leader?.name);
    expect(views).toEqual([undefined, undefined, "a"]);
  });

  test("why it was refused, and where its home is, stands beside the answer", async () => {
    const memory = createMemoryNode(3);
    const { elections } = openS0(memory);
    let said: string | null = null;
    const header = { partition: 1, sessionId: 1n, requestId: 1n, name: { name: "e" } };

    const onHeader = (headers: Headers): void => {
      said = headers.get("conclave-refusal");
    };
    await elections.enter({ header, candidateId: "a" }, { onHeader });

    expect(said).toBe("partition: the home of this name is 3");
  });
});

describe("the number of a call that is refused is taken, so that the next one need not wait", () => {
  const LONG = "x".repeat(257);
  test.each<[string, (client: S0Client, header: S0Header) => Promise<S0Answer>]>([
    ["an empty candidate", (client, header) => client.ask("enter", "", header)],
    ["a candidate of 257 bytes", (client, header) => client.ask("promote", LONG, header)],
    ["a candidate with a line break", (client, header) => client.ask("enter", "a\nb", header)],
    [
      "a name that was not created",
      (client, header) => client.ask("enter", "a", { ...header, name: { name: "test" } }),
    ],
    ["a name of 257 bytes", (client, header) => client.create({ ...header, name: { name: LONG } })],
    [
      "a name of another partition",
      (client, header) => client.ask("enter", "a", { ...header, name: { name: "a" } }),
    ],
  ])("%s", async (_, ask) => {
    const client = await created(createMemoryNode(3));

    const refused = await ask(client, { requestId: 2n });
    const again = await ask(client, { requestId: 2n });
    const next = await client.ask("enter", "a", { requestId: 3n });

    expect([refused.shown, again.shown]).toEqual(["session 1 ERROR", "session 1 ERROR"]);
    expect(next.shown).toContain("response 3");
  });
});

describe("numbers", () => {
  test("one that was acknowledged, or is larger than any can be, is refused in band", async () => {
    const client = await created(createMemoryNode(3));
    await client.ask("enter", "a");
    await client.keepAlive({ requestId: 2n });
    await settled();

    const old = await client.ask("enter", "a", { requestId: 2n });
    const large = await client.ask("enter", "a", { requestId: 1n << 60n });

    expect([old.shown, large.shown]).toEqual(["session 1 ERROR", "session 1 ERROR"]);
  });

  test("one that is used again for something else brings the first answer, and does nothing", async () => {
    const client = await created(createMemoryNode(3));
    const entered = await client.ask("enter", "a");

    const other = await client.ask("withdraw", "a", { requestId: 2n });
    const watch = await client.watch({ requestId: 2n });

    expect(other.shown).toBe(entered.shown);
    expect(watch.shown).toEqual(["session 1 ERROR"]);
    expect((await client.getTerm()).shown).toContain(": 1 a [a]");
  });

  test("request_id 0 is executed whenever it comes, as often as it comes; a stream needs a number", async () => {
    const client = await created(createMemoryNode(3));
    const free = { requestId: 0n };

    const first = await client.ask("enter", "a", free);
    const second = await client.ask("enter", "b", free);
    const third = await client.ask("promote", "b", free);
    const watch = await client.watch(free);

    expect([first, second, third].map(({ term }) => term?.candidates.join(" "))).toEqual([
      "a",
      "a b",
      "b a",
    ]);
    expect(watch.shown).toEqual(["session 1 ERROR"]);
  });

  test("the 1,025th unanswered call is a status, and executed once others are acknowledged", async () => {
    const memory = createMemoryNode(3);
    const client = await created(memory);
    const { sessionId } = client;
    const commands = Array.from({ length: 1_023 }, (_, i): Command => {
      const operation = { kind: "anoint", key: KEY, candidate: "nobody" } as const;
      return {
        kind: "dialect-call",
        sessionId,
        order: { kind: "strict", number: i + 2 },
        operation,
      };
    });
    const giveUpAtMs = memory.node.giveUpAtMs();
    const submission = { commands, giveUpAtMs, mayUseReserve: false };
    await new Promise((settle) => memory.node.partition(HOME).submit({ ...submission, settle }));
    client.number = 1_024n;

    const refused = await client.ask("enter", "a");
    await client.keepAlive({ requestId: 1_000n });
    await settled();
    const again = await client.ask("enter", "a", { requestId: client.number });

    expect(refused.shown).toBe("ResourceExhausted");
    expect(again.shown).toContain(": 1 a [a]");
  });

  test("an index that nobody has got to is UNAVAILABLE when the patience ends", async () => {
    const memory = createMemoryNode(3);
    const client = await created(memory);
    let shown: string | undefined;
    void client.getTerm({ index: 1n << 50n }).then((answer) => {
      shown = answer.shown;
    });

    await memory.advance(4_900);
    expect(shown).toBeUndefined();
    await memory.advance(200);

    expect(shown).toBe("Unavailable");
  });
});

test("a stream that is opened under two numbers is two streams, each of its own count", async () => {
  const client = await created(createMemoryNode(3));
  const [first, second] = [await client.watch(), await client.watch()];
  await client.ask("enter", "a");
  await settled();

  expect(first.shown.map((line) => line.replace(/ index \d+/, ""))).toEqual([
    "session 1 stream 2 response 1 OPEN_STREAM",
    "session 1 stream 2 response 2: 1 a [a]",
  ]);
  expect(second.responseIds).toEqual([1, 2]);
});

test("a KeepAlive that lists what is not there acknowledges nothing, and renews all the same", async () => {
  const client = await created(createMemoryNode(3));
  const watch = await client.watch();
  const nonsense = Array.from({ length: 2_000 }, (_, i) => {
    return { streamId: BigInt(i + 10), responseId: (1n << 64n) - 1n };
  });

  const many = await client.keepAlive({ requestId: 1n, streams: nonsense });
  const large = await client.keepAlive({ requestId: 1n, streams: nonsense.slice(0, 5) });
  await settled();
  await client.ask("enter", "a");
  await settled();

  expect([many.shown, large.shown]).toEqual(["session 1", "session 1"]);
  expect(watch.responseIds).toEqual([1, 2]);
});

test("a timeout is kept within the limits, and is 30 s where none is said", async () => {
  const memory = createMemoryNode();
  const { sessions } = openS0(memory);
  const ttls: (number | undefined)[] = [];
  const durations = [undefined, { nanos: 1 }, { seconds: -5n }, { seconds: 1n << 40n }];
  for (const timeout of durations) {
    const request = { header: { partition: 1 }, ...(timeout === undefined ? {} : { timeout }) };
    const { header } = await sessions.openSession(request);
    const session = memory.node.partition(1).session(header!.sessionId);
    ttls.push(session === "ended" ? undefined : session?.ttlMs);
  }

  expect(ttls).toEqual([30_000, 500, 500, 86_400_000]);
});

test("without a leader every call is UNAVAILABLE once its patience ends, and nothing is applied", async () => {
  const memory = createMemoryNode(3);
  const client = await created(memory);
  memory.log(HOME).follow(undefined);
  const calls = [client.ask("enter", "a"), client.getTerm(), client.keepAlive()];
  const closing = client.closeSession();

  await memory.advance(5_100);

  expect((await Promise.all(calls)).map(({ shown }) => shown)).toEqual(
    calls.map(() => "Unavailable"),
  );
  expect((await closing).shown).toBe("Unavailable");
});

test("what of the controller is not ours is UNIMPLEMENTED", async () => {
  const { controller } = openS0(createMemoryNode());

  await expect(controller.getPartitionGroups({})).rejects.toThrow(/unimplemented/);
  await expect(controller.createPartitionGroup({})).rejects.toBeInstanceOf(ConnectError);
});
