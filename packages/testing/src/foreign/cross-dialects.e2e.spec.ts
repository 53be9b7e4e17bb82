// SPDX-License-Identifier: Apache-2.0
// One election with candidates of every protocol: whoever asks, in whatever protocol and at whichever
// node, is told the same. The processes run what is in dist.
import { connectCluster, homeOf } from "@conclave/client/cluster";
import { defaultDialectOptions } from "@conclave/server/node";
import { afterEach, expect, test } from "vitest";
import type { Dialect, DialectClient, Seen } from "./dialect-client.ts";
import { forceTransfers } from "./forced-transfers.ts";
import { enterNatively, nativeView, openNativeSession, steerNatively } from "./native-calls.ts";
import { s0Dialect } from "./s0-client.ts";
import { s1Dialect } from "./s1-client.ts";
import { s2Dialect } from "./s2-client.ts";
import { s3Dialect } from "./s3-client.ts";
import { s4Dialect } from "./s4-client.ts";
import { PARTITIONS, shareCluster } from "./shared-cluster.ts";

/** Of the test that runs. */
let election = "";
const DIALECTS = [s0Dialect, s1Dialect(PARTITIONS), s2Dialect, s3Dialect, s4Dialect];
/** Where its candidate is: the node that dies has S3's, whose session is its connection. */
const NODES: Readonly<Record<string, number>> = { S0: 2, S1: 3, S2: 2, S3: 1, S4: 3 };

const cluster = shareCluster({
  dialects: { graceMs: 4_000, s4: { ...defaultDialectOptions.s4, kind: "election" } },
});

interface Attendant {
  readonly dialect: Dialect;
  readonly node: number;
  readonly client: DialectClient;
}

/** Those who only read: one of each protocol at each node. */
let readers: Attendant[] = [];
let candidates: Record<string, DialectClient> = {};

afterEach(async () => {
  // A node that was killed has taken sessions of its clients with it: they end as they can.
  const all = [...readers.map(({ client }) => client), ...Object.values(candidates)];
  await Promise.all(all.map((client) => client.quit().catch(() => {})));
  readers = [];
  candidates = {};
});

/** Some two hundred calls, a death and a grace. */
const TEST_MS = 120_000;

test.each([
  { name: "everybody's", during: "in peace" },
  {
    name: "everybody's, on the move",
    during: "while the partition's leader changes between every two steps",
  },
])(
  "candidates of all protocols stand in one election, and everybody is told the same $during",
  async ({ name, during }) => {
    election = name;
    const isOnTheMove = during !== "in peace";
    const change = forceTransfers(cluster(), election, PARTITIONS);
    const [first, second] = cluster().endpoints as readonly [string, string, string];
    for (const dialect of DIALECTS) {
      candidates[dialect.name] = await attend(dialect, NODES[dialect.name]!, dialect.name);
      for (const node of [1, 2, 3]) readers.push(await reader(dialect, node));
    }
    const { S0, S1, S2, S3, S4 } = candidates as Readonly<Record<string, DialectClient>>;
    const watches = await Promise.all(
      DIALECTS.map(async (dialect) => ({
        dialect,
        watch: await candidates[dialect.name]!.watch(),
      })),
    );
    const everybodyIsTold = async (term: bigint, ...list: string[]): Promise<void> => {
      const told = watches.map(async ({ dialect, watch }) => textOf(dialect, await watch.next()));
      const expected = watches.map(({ dialect: { hasTermInEvents } }) =>
        text(hasTermInEvents ? term : "-", list),
      );
      expect(await Promise.all(told)).toEqual(expected);
      await everybodySees(term, ...list);
      if (isOnTheMove) await change();
    };
    await everybodySees(0n);

    await S0!.enter();
    await everybodyIsTold(1n, "S0");
    await S1!.enter();
    await everybodyIsTold(1n, "S0", "S1");
    await S2!.enter();
    await everybodyIsTold(1n, "S0", "S1", "S2");
    await S3!.enter();
    await everybodyIsTold(1n, "S0", "S1", "S2", "S3");
    await S4!.enter();
    await everybodyIsTold(1n, "S0", "S1", "S2", "S3", "S4");
    await enterNatively(first, await openNativeSession(first), election, "native");
    await everybodyIsTold(1n, "S0", "S1", "S2", "S3", "S4", "native");

    await S0!.steer("anoint", "native");
    await everybodyIsTold(2n, "native", "S0", "S1", "S2", "S3", "S4");
    await S1!.steer("demote", "native");
    await everybodyIsTold(3n, "S0", "native", "S1", "S2", "S3", "S4");
    await steerNatively(second, "Promote", election, "S1");
    await everybodyIsTold(3n, "S0", "S1", "native", "S2", "S3", "S4");
    await S4!.close();
    await everybodyIsTold(3n, "S0", "S1", "native", "S2", "S3");
    // Whoever closes is told of it as the last of its stream.
    await expect(watches.pop()!.watch.next()).rejects.toThrow("the stream has ended");
    await S2!.steer("evict", "S0");
    await everybodyIsTold(4n, "S1", "native", "S2", "S3");
    await S3!.steer("withdraw", "S1");
    await everybodyIsTold(5n, "native", "S2", "S3");
    await S1!.enter();
    await everybodyIsTold(5n, "native", "S2", "S3", "S1");
    await S2!.steer("anoint", "S3");
    await everybodyIsTold(6n, "S3", "native", "S2", "S1");

    // S3's node leads the partition, too: its death is a change of both leaders.
    await leadPartition(1);
    await cluster().kill(1);
    await expect.poll(async () => (await S2!.get()).leader).toBe("native");
    await everybodySees(7n, "native", "S2", "S1");
    await S1!.steer("anoint", "S1");
    await everybodySees(8n, "S1", "native", "S2");
    await S0!.enter();
    await everybodySees(8n, "S1", "native", "S2", "S0");

    await cluster().restart(1);
    await cluster().ready();
    for (const dialect of DIALECTS) readers.push(await reader(dialect, 1));
    await everybodySees(8n, "S1", "native", "S2", "S0");
    await S2!.close();
    await everybodySees(8n, "S1", "native", "S0");
  },
  TEST_MS,
);

async function attend(dialect: Dialect, node: number, candidate: string): Promise<DialectClient> {
  const endpoint = cluster().endpoints[node - 1]!;
  const client = await dialect.open({ endpoint, primitive: election, candidate });
  await client.create();
  return client;
}

async function reader(dialect: Dialect, node: number): Promise<Attendant> {
  const client = await attend(dialect, node, `reader ${dialect.name} ${node}`);
  return { dialect, node, client };
}

/** Every reader at a node that runs, and the native protocol at each of these. */
async function everybodySees(term: bigint, ...list: string[]): Promise<void> {
  const { running, endpoints } = cluster();
  // Those at a node that died have lost their sessions by then: others take their places.
  readers = readers.filter(({ node }) => running.includes(node));
  for (const client of [candidates["S0"]!, candidates["S1"]!]) await client.keepAlive();
  const views: Record<string, string> = {};
  const reading = readers.map(async ({ dialect, node, client }) => {
    await client.keepAlive();
    views[`${dialect.name} at node ${node}`] = textOf(dialect, await client.get());
  });
  await Promise.all(reading);
  for (const node of running) {
    const view = await nativeView(endpoints[node - 1]!, election);
    views[`native at node ${node}`] = text(view?.term ?? 0n, view?.list ?? []);
  }
  const expected = Object.fromEntries(Object.keys(views).map((who) => [who, text(term, list)]));
  expect(Object.keys(views)).toHaveLength(running.length * (DIALECTS.length + 1));
  expect(views).toEqual(expected);
}

/** What was published in either projection, as the whole list. */
function textOf({ isLeaderFirst }: Dialect, { term, leader, list }: Seen): string {
  const whole = isLeaderFirst ? list : [leader, ...list].filter((name) => name !== "");
  if ((whole[0] ?? "") !== leader) throw new Error(`${leader} leads ${whole.join(" ")}`);
  return text(term ?? "-", whole);
}

function text(term: bigint | string, list: readonly string[]): string {
  return `${term} [${list.join(" ")}]`;
}

async function leadPartition(node: number): Promise<void> {
  const admin = connectCluster({ endpoints: cluster().endpoints });
  await expect
    .poll(async () => {
      await admin.transferLeadership(node, homeOf(election, PARTITIONS)).catch(() => {});
      return cluster().leaderOf(election);
    })
    .toBe(node);
  await admin.close();
}
