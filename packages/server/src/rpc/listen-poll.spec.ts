// SPDX-License-Identifier: Apache-2.0
/**
 * Listen as a long poll: it ends when there is news, and not for what the client knows; else when its
 * time is up. On virtual time.
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { CandidacyState, type ListenerSchema } from "@conclave/api";
import { expect, test } from "vitest";
import { createMemoryCluster, type MemoryCluster } from "../replica/memory-cluster.ts";
import { settled } from "../replica/memory-node.ts";
import { createMemoryClient } from "./memory-client.ts";
import { election } from "./memory-elections.ts";
import { type ListenClient, listenTo } from "./memory-listen.ts";

type ListenerInit = MessageInitShape<typeof ListenerSchema>;

const S = 5n;
const HOME = 1;
const options = { ttl: { seconds: 3_600n } };
const hello = { session: { sessionId: S, options } };
const KEY = { kind: "election", namespace: "default", name: election.name } as const;
const WATCH = { id: 1n, request: { elections: [election] } };

interface Scene extends MemoryCluster {
  /** What a page does at node 2, which leads nothing. */
  readonly page: ReturnType<typeof createMemoryClient>;
  enter(candidate: string, name?: string, sessionId?: bigint): Promise<void>;
  poll(listener: ListenerInit, pollMs?: number): Promise<ListenClient>;
}

async function createScene(): Promise<Scene> {
  const cluster = await createMemoryCluster(2);
  const clients = [1, 2].map((number) => createMemoryClient(cluster.at(number).node));
  const [other, page] = [clients[0]!, clients[1]!];
  for (const sessionId of [S, 6n]) await other.sessions.openSession({ sessionId, options });
  let number = 0n;
  return {
    ...cluster,
    page,
    async enter(candidate, name = election.name, sessionId = S) {
      const command = { sessionId, number: ++number };
      await other.elections.enter({ election: { name }, command, candidate });
      await settled();
    },
    poll(listener, pollMs = 30_000) {
      const poll = { seconds: BigInt(Math.floor(pollMs / 1_000)), nanos: (pollMs % 1_000) * 1e6 };
      return listenTo(page, { listeners: [{ id: 1, ...listener }], poll });
    },
  };
}

/** What a client would say that it was told. */
function toldBy(listening: ListenClient): { partition: number; revision: bigint }[] {
  const told = new Map<number, bigint>();
  for (const { candidaciesTold, candidacies } of listening.framesOf(1)) {
    for (const { partition, revision } of [...candidaciesTold, ...candidacies]) {
      const known = told.get(partition) ?? 0n;
      told.set(partition, revision > known ? revision : known);
    }
  }
  return [...told].map(([partition, revision]) => ({ partition, revision }));
}

test("what a client hears first ends its poll, and what it knows does not", async () => {
  const { poll, enter, advance } = await createScene();
  await enter("a");

  const first = await poll({ hello });
  expect(first.end).toBe("closed");
  expect(first.candidaciesOf(1)).toMatchObject([{ candidate: "a", state: CandidacyState.LEADING }]);

  const second = await poll({ hello, told: toldBy(first) });
  expect(second.candidaciesOf(1)).toHaveLength(1);
  await advance(29_980);
  expect(second.end).toBeUndefined();
  await advance(40);
  expect(second.end).toBe("closed");
});

test("a poll of no time tells what there is and ends", async () => {
  const { poll, clock, advance } = await createScene();
  const listening = await poll({ hello, told: toldBy(await poll({ hello })) }, 0);
  expect(listening.end).toBeUndefined();
  clock.advance(0);
  await advance(20);
  expect(listening.framesOf(1)[0]?.welcome).toBeDefined();
  expect(listening.end).toBe("closed");
});

test("a change of the session's office ends the poll that stands, and no change of others does", async () => {
  const { poll, enter, page, advance } = await createScene();
  await enter("a");
  await enter("b", election.name, 6n);
  const known = toldBy(await poll({ hello }));

  const listening = await poll({ hello, told: known });
  await enter("c", election.name, 6n);
  await enter("x", "elsewhere", 6n);
  await advance(5_000);
  expect(listening.end).toBeUndefined();
  await page.elections.anoint({ election, candidate: "b" });
  await settled();

  expect(listening.candidaciesOf(1).at(-1)?.state).toBe(CandidacyState.WAITING);
  expect(listening.end).toBe("closed");
});

const BETWEEN: readonly (readonly [string, (scene: Scene) => Promise<unknown>])[] = [
  ["its leader was deposed", ({ page }) => page.elections.anoint({ election, candidate: "other" })],
  ["its leader was evicted", ({ page }) => page.elections.evict({ election, candidate: "a" })],
  [
    "a candidate of its that waits was evicted",
    ({ page }) => page.elections.evict({ election, candidate: "waiting" }),
  ],
  ["the election was deleted", ({ page }) => page.elections.delete({ election })],
  [
    "another session took its candidate over",
    ({ page }) =>
      page.elections.enter({
        ...{ election, candidate: "a", takeover: true },
        command: { sessionId: 6n, number: 99n },
      }),
  ],
];

test.each(BETWEEN)("where %s between two polls, the second one ends at once", async (_, happen) => {
  const scene = await createScene();
  const { poll, enter } = scene;
  await enter("a");
  await enter("waiting");
  await enter("other", election.name, 6n);
  const told = toldBy(await poll({ hello }));
  expect((await poll({ hello, told })).end).toBeUndefined();

  await happen(scene);
  await settled();

  expect((await poll({ hello, told })).end).toBe("closed");
});

test("what happened to others between two polls does not end the second one", async () => {
  const { poll, enter, page } = await createScene();
  await enter("a");
  const told = toldBy(await poll({ hello }));

  await enter("b", election.name, 6n);
  await enter("c", election.name, 6n);
  await page.elections.promote({ election, candidate: "c" });
  await page.elections.evict({ election, candidate: "b" });
  await enter("x", "elsewhere", 6n);

  expect((await poll({ hello, told })).end).toBeUndefined();
});

test("where more happened than is looked through, the poll ends at once", async () => {
  const { poll, enter, at } = await createScene();
  await enter("a");
  const told = toldBy(await poll({ hello }));
  await enter("b", election.name, 6n);
  await enter("c", election.name, 6n);
  const promote = (count: number) => {
    const { node } = at(1);
    const commands = Array.from({ length: count }, (_, i) => ({
      ...{ kind: "promote" as const, key: KEY, candidate: i % 2 === 0 ? "c" : "b" },
      options: { reason: "" },
    }));
    const giveUpAtMs = node.giveUpAtMs();
    const batch = { commands, giveUpAtMs, mayUseReserve: true, settle: () => {} };
    node.partition(HOME).submit(batch);
    return settled();
  };

  await promote(1_022);
  expect((await poll({ hello, told })).end).toBeUndefined();
  await promote(1);
  expect((await poll({ hello, told })).end).toBe("closed");
});

test("a client that another node has told more than this one has is not told that as news", async () => {
  const scene = await createScene();
  await scene.enter("a");
  const told = toldBy(await scene.poll({ hello }));
  scene.group(HOME).lag(2);
  await scene.enter("b");
  const ahead = told.map(({ partition, revision }) => ({ partition, revision: revision + 1n }));

  const listening = await scene.poll({ hello, told: ahead });
  scene.group(HOME).catchUp(2);
  await settled();

  expect(listening.end).toBeUndefined();
});

test("a candidacy of a session that is registered while the poll stands ends it", async () => {
  const { poll, page } = await createScene();
  const listening = await poll({ hello: { session: { sessionId: 9n } } });
  expect(listening.end).toBeUndefined();

  await page.sessions.openSession({ sessionId: 9n });
  const command = { sessionId: 9n, number: 1n };
  await page.elections.enter({ election, command, candidate: "late" });
  await settled();

  expect(listening.candidaciesOf(1)).toMatchObject([{ candidate: "late" }]);
  expect(listening.end).toBe("closed");
});

test("a watch ends the poll by its snapshot, then by changes, and not by its progress", async () => {
  const { poll, enter, advance } = await createScene();
  const first = await poll({ hello: {}, watches: [WATCH] });
  expect(first.end).toBe("closed");
  const resume = resumeOf(first);
  expect(resume.length).toBeGreaterThan(0);
  const watches = [{ id: 1n, request: { ...WATCH.request, resume } }];

  const second = await poll({ hello: {}, watches });
  // Told every 10 s where something else of the partition has changed.
  await enter("x", "elsewhere");
  await advance(11_000);
  expect(second.end).toBeUndefined();
  await enter("a");
  expect(second.end).toBe("closed");
  expect(second.eventsOf(1).at(-1)?.outcome.value).toMatchObject({ event: { case: "change" } });

  const missed = await poll({ hello: {}, watches });
  expect(missed.end).toBe("closed");
});

function resumeOf(listening: ListenClient): Uint8Array {
  const resumes = listening
    .eventsOf(1)
    .flatMap(({ outcome }) => (outcome.case === "event" ? [outcome.value.resume] : []));
  return resumes.at(-1) ?? new Uint8Array();
}

test("a snapshot that fills several frames is told whole in one poll, though its time is up", async () => {
  const { page } = await createScene();
  const metadata = { k: "v".repeat(4_000) };
  for (let i = 0; i < 90; i++) {
    const command = { sessionId: S, number: BigInt(i + 1) };
    const entry = { election: { name: `n${i}` }, candidate: "c", command, metadata };
    await page.elections.enter(entry);
  }
  const watches = [{ id: 1n, request: { prefix: {} } }];
  const listening = await listenTo(page, { listeners: [{ id: 1, hello: {}, watches }], poll: {} });
  for (let i = 0; i < 5; i++) await settled();

  const cases = listening
    .eventsOf(1)
    .map(({ outcome }) => (outcome.case === "event" ? outcome.value.event.case : "ended"));
  expect(listening.framesOf(1).length).toBeGreaterThan(2);
  expect(cases.filter((one) => one === "snapshot")).toHaveLength(90);
  expect(cases.at(-1)).toBe("snapshotEnd");
  expect(listening.end).toBe("closed");
});

test("a poll ends with the word that its node is cut off, and meanwhile not more than once a second", async () => {
  const scene = await createScene();
  const resume = resumeOf(await scene.poll({ hello: {}, watches: [WATCH] }));
  const watches = [{ id: 1n, request: { ...WATCH.request, resume } }];
  const cutOff = { event: { case: "contact", value: { quorum: false } } };
  const first = await scene.poll({ hello: {}, watches });
  await scene.advance(1_000);
  expect(first.end).toBeUndefined();

  scene.group(HOME).cut(2);
  await scene.advance(600);
  expect(first.eventsOf(1).at(-1)?.outcome.value).toMatchObject(cutOff);
  expect(first.end).toBe("closed");

  const second = await scene.poll({ hello: {}, watches });
  expect(second.eventsOf(1).at(-1)?.outcome.value).toMatchObject(cutOff);
  await scene.advance(980);
  expect(second.end).toBeUndefined();
  await scene.advance(40);
  expect(second.end).toBe("closed");

  const third = await scene.poll({ hello: {}, watches });
  scene.group(HOME).rejoin(2, 1);
  await settled();
  expect(third.end).toBe("closed");
});

test("members and leaders that change end no poll", async () => {
  const scene = await createScene();
  const told = toldBy(await scene.poll({ hello }));
  const listening = await scene.poll({ hello, told });

  scene.group(2).lead(3);
  await scene.advance(100);

  expect(listening.framesOf(1).some(({ topology }) => topology !== undefined)).toBe(true);
  expect(listening.end).toBeUndefined();
});

test("a listener that is refused ends the poll of all, who are told what there is", async () => {
  const { page } = await createScene();
  const listening = await listenTo(page, {
    listeners: [{ id: 1, hello }, { id: 2 }, { id: 3, hello: {} }],
    poll: { seconds: 30n },
  });
  expect(listening.end).toBe("closed");
  expect(listening.errorOf(2)?.info?.field).toBe("hello");
  expect(listening.framesOf(1)[0]?.welcome).toBeDefined();
  expect(listening.framesOf(3)[0]?.welcome).toBeDefined();
});

test("a node that stops ends the poll with a goodbye, and leaves no timer of it behind", async () => {
  const scene = await createScene();
  const told = toldBy(await scene.poll({ hello }));
  const before = scene.clock.pendingTimers;
  const listening = await scene.poll({ hello, told });
  expect(scene.clock.pendingTimers).toBe(before + 1);

  scene.at(2).node.beginShutdown();
  await settled();

  expect(listening.framesOf(1).at(-1)?.goodbye?.reason).toBe("shutting down");
  expect(listening.end).toBe("closed");
  expect(scene.clock.pendingTimers).toBe(before);
});
