// SPDX-License-Identifier: Apache-2.0
/**
 * A page's session among three nodes: registered, entered and renewed by unary calls at any of them, and
 * told by Listen at another what becomes of it. Node 1 leads at first.
 */

import { CandidacyState, LeaseStatus } from "@conclave/api";
import { expect, test } from "vitest";
import { createMemoryCluster, type MemoryCluster } from "../replica/memory-cluster.ts";
import { settled } from "../replica/memory-node.ts";
import { createMemoryClient, type MemoryClient, refusalOf } from "./memory-client.ts";
import { type ListenClient, listenTo } from "./memory-listen.ts";

const S = 5n;
const election = { name: "e" };
/** Of `election` among two partitions. */
const HOME = 1;
const options = { ttl: { seconds: 60n } };
const LISTENERS = [{ id: 1, hello: { session: { sessionId: S, options } } }];

interface Scene extends MemoryCluster {
  client(node: number): MemoryClient;
  open(node: number): Promise<void>;
  /** Revision of the candidacy, by the answer. */
  enter(node: number, candidate: string, sessionId?: bigint): Promise<bigint>;
  /** The lease on the election's home. */
  renew(node: number): Promise<{ status: LeaseStatus; officeRevision: bigint }>;
}

async function createScene(): Promise<Scene> {
  const cluster = await createMemoryCluster(2);
  const clients = [1, 2, 3].map((number) => createMemoryClient(cluster.at(number).node));
  const client = (node: number): MemoryClient => clients[node - 1]!;
  let number = 0n;
  return {
    ...cluster,
    client,
    open: async (node) => void (await client(node).sessions.openSession({ sessionId: S, options })),
    async enter(node, candidate, sessionId = S) {
      const command = { sessionId, number: ++number };
      const { result } = await client(node).elections.enter({ election, command, candidate });
      await settled();
      return result!.revision;
    },
    async renew(node) {
      const renewal = { number: ++number, partitions: [HOME] };
      const { leases } = await client(node).sessions.keepAlive({ sessionId: S, renewal });
      const { status, officeRevision } = leases[0]!;
      return { status, officeRevision };
    },
  };
}

function toldOf(listening: ListenClient): [string, CandidacyState, bigint][] {
  return listening
    .candidaciesOf(1)
    .map(({ candidate, state, revision }) => [candidate, state, revision]);
}

const confirmed = (officeRevision: bigint) => ({ status: LeaseStatus.CONFIRMED, officeRevision });

test("a session that other nodes register and enter is told where it listened before it existed", async () => {
  const { client, open, enter, renew } = await createScene();
  const listening = await listenTo(client(2), { listeners: LISTENERS });

  await open(3);
  const revision = await enter(1, "a");

  expect(toldOf(listening)).toEqual([["a", CandidacyState.LEADING, revision]]);
  for (const node of [1, 2, 3]) expect(await renew(node)).toEqual(confirmed(revision));
});

test("what a lease names as the last change of office is told, wherever it was made and renewed", async () => {
  const { client, open, enter, renew } = await createScene();
  await open(2);
  const listening = await listenTo(client(3), { listeners: LISTENERS });
  const other = { sessionId: 6n, options };
  await client(1).sessions.openSession(other);
  await enter(3, "a");
  await enter(1, "b", 6n);

  for (const [at, candidate, state] of [
    [2, "b", CandidacyState.WAITING],
    [3, "a", CandidacyState.LEADING],
    [1, "b", CandidacyState.WAITING],
  ] as const) {
    await client(at).elections.anoint({ election, candidate });
    await settled();
    const last = toldOf(listening).at(-1);
    expect(last?.[1]).toBe(state);
    for (const node of [1, 2, 3]) expect((await renew(node)).officeRevision).toBe(last?.[2]);
  }
});

test("a lease that comes before this node's replica has heard names a revision that was not told yet", async () => {
  const scene = await createScene();
  await scene.open(1);
  const entered = await scene.enter(1, "a");
  const listening = await listenTo(scene.client(2), { listeners: LISTENERS });
  expect(toldOf(listening)).toEqual([["a", CandidacyState.LEADING, entered]]);
  scene.group(HOME).lag(2);

  await scene.client(1).elections.evict({ election, candidate: "a" });
  const early = scene.renew(2);
  await scene.advance(400);
  const { status, officeRevision } = await early;

  expect(status).toBe(LeaseStatus.CONFIRMED);
  expect(officeRevision).toBeGreaterThan(entered);
  expect(toldOf(listening)).toHaveLength(1);
  scene.group(HOME).catchUp(2);
  await settled();
  expect(toldOf(listening).at(-1)).toEqual(["a", CandidacyState.GONE, officeRevision]);
});

test("an answer to OpenSession leases as far as the office is known, for one that leads already", async () => {
  const scene = await createScene();
  await scene.open(1);
  const revision = await scene.enter(2, "a");
  const { leases } = await scene.client(3).sessions.openSession({ sessionId: S, options });
  const lease = leases.find(({ partition }) => partition === HOME);
  expect(lease).toMatchObject({ ...confirmed(revision), number: 0n });
});

test("a list that a stream begins with says up to where nothing is left to be told", async () => {
  const scene = await createScene();
  await scene.open(1);
  await scene.enter(1, "a");
  await scene.client(1).elections.evict({ election, candidate: "a" });
  await settled();
  const { officeRevision } = await scene.renew(3);

  const listening = await listenTo(scene.client(3), { listeners: LISTENERS });

  expect(toldOf(listening)).toEqual([]);
  const told = listening.framesOf(1).flatMap(({ candidaciesTold }) => candidaciesTold);
  const home = told.find(({ partition }) => partition === HOME);
  expect(home?.revision).toBeGreaterThanOrEqual(officeRevision);
});

test("a replica that is cut off says so to who watches through Listen as through Attach", async () => {
  const scene = await createScene();
  const watches = [{ id: 1n, request: { elections: [election] } }];
  const listening = await listenTo(scene.client(2), { listeners: [{ id: 1, hello: {}, watches }] });
  const attached = scene.client(2).attach();
  await attached.send({ hello: {}, watches });

  scene.group(HOME).cut(2);
  await scene.advance(600);
  scene.group(HOME).rejoin(2, 1);
  await settled();

  const told = (events: ReturnType<ListenClient["eventsOf"]>) =>
    events.flatMap(({ outcome }) => {
      const event = outcome.case === "event" ? outcome.value.event : undefined;
      return event?.case === "contact" ? [event.value.quorum] : [];
    });
  expect(told(listening.eventsOf(1))).toEqual([false, true]);
  expect(told(attached.watchEvents)).toEqual([false, true]);
});

test("a page whose node's state was replaced is told what is gone, and what is left", async () => {
  const scene = await createScene();
  await scene.open(1);
  await scene.enter(1, "a");
  await scene.enter(1, "b");
  const listening = await listenTo(scene.client(2), { listeners: LISTENERS });
  scene.group(HOME).lag(2);
  await scene.client(1).elections.evict({ election, candidate: "a" });

  scene.group(HOME).install(2, 1);
  await settled();

  const last = listening.framesOf(1).at(-1)?.candidacies ?? [];
  expect(last.map(({ candidate, state }) => [candidate, state])).toEqual([
    ["a", CandidacyState.GONE],
    ["b", CandidacyState.LEADING],
  ]);
});

test("a session that no call has registered enters nothing, and a close that overtakes says that it is done", async () => {
  const { client } = await createScene();
  const command = { sessionId: S, number: 1n };
  const entered = client(2).elections.enter({ election, command, candidate: "a" });
  expect(await refusalOf(entered)).toMatchObject({
    reason: "SESSION_UNKNOWN",
    outcome: "NOT_APPLIED",
  });
  expect(await refusalOf(client(3).sessions.closeSession({ sessionId: S }))).toBeUndefined();
});

test("a session that was closed at one node is told so at another, and is never entered again", async () => {
  const { client, open, enter, renew } = await createScene();
  await open(2);
  await enter(3, "a");
  const listening = await listenTo(client(3), { listeners: LISTENERS });

  await client(1).sessions.closeSession({ sessionId: S });
  await settled();

  expect(toldOf(listening).at(-1)?.[1]).toBe(CandidacyState.GONE);
  expect((await renew(2)).status).toBe(LeaseStatus.ENDED);
  const command = { sessionId: S, number: 99n };
  const again = client(2).elections.enter({ election, command, candidate: "a" });
  expect(await refusalOf(again)).toMatchObject({ reason: "SESSION_ENDED" });
  const { leases } = await client(3).sessions.openSession({ sessionId: S, options });
  expect(leases.find(({ partition }) => partition === HOME)?.status).toBe(LeaseStatus.ENDED);
});

test("a renewal that is sent twice, or overtaken by a later one, leases what it was sent for", async () => {
  const { client, open } = await createScene();
  await open(1);
  const { sessions } = client(2);
  const keep = (number: bigint) =>
    sessions.keepAlive({ sessionId: S, renewal: { number, partitions: [HOME] } });
  const [late, early, twice] = await Promise.all([keep(9n), keep(8n), keep(9n)]);
  for (const { leases } of [late, twice]) expect(leases).toMatchObject([{ number: 9n }]);
  // One round answered both: it had arrived before that began.
  expect(early.leases[0]?.number).toBeGreaterThanOrEqual(8n);
  expect((await keep(3n)).leases).toMatchObject([{ number: 3n }]);
});
