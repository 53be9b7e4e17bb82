// SPDX-License-Identifier: Apache-2.0
// A node dies, and the clients that were with it go on at another one: what of their sessions and
// streams is state is there too. The processes run what is in dist.
import { expect, test } from "vitest";
import type { Dialect, DialectClient, Seen, Watch } from "./dialect-client.ts";
import { nativeView } from "./native-calls.ts";
import { s0Dialect } from "./s0-client.ts";
import { s1Dialect } from "./s1-client.ts";
import { s2Dialect } from "./s2-client.ts";
import { s4Dialect } from "./s4-client.ts";
import { PARTITIONS, shareCluster } from "./shared-cluster.ts";

const cluster = shareCluster();

/** Two who stay, and one between them whose node dies. */
interface Trio {
  readonly dialect: Dialect;
  readonly first: DialectClient;
  readonly moving: DialectClient;
  readonly last: DialectClient;
  readonly watch: Watch;
}

const TEST_MS = 120_000;

test(
  "clients whose node dies keep session, place and stream at another one",
  async () => {
    const [one, two, three] = cluster().endpoints as readonly [string, string, string];
    const trios = await Promise.all(
      [s0Dialect, s1Dialect(PARTITIONS), s2Dialect, s4Dialect].map(
        async (dialect): Promise<Trio> => {
          const primitive = `${dialect.name} moves`;
          const open = (endpoint: string | readonly string[], candidate: string) =>
            dialect.open({ endpoint, primitive, candidate });
          const first = await open(three, "first");
          const moving = await open([one, two], "moving");
          const last = await open(three, "last");
          for (const client of [first, moving, last]) await client.create();
          const watch = await moving.watch();
          for (const client of [first, moving, last]) await client.enter();
          return { dialect, first, moving, last, watch };
        },
      ),
    );
    const all = ["first", "moving", "last"];
    for (const { dialect, moving, watch } of trios) {
      for (const count of [1, 2, 3]) {
        expect(wholeOf(dialect, await watch.next())).toEqual(all.slice(0, count));
      }
      expect(await moving.get()).toMatchObject({ term: 1n, leader: "first" });
      await moving.keepAlive();
    }

    const before = await Promise.all(trios.map((trio) => instancesOf(trio, two)));

    await cluster().kill(1);

    for (const { dialect, moving } of trios) {
      // The same name under the same session, or the session's name: its place is as it was.
      const again = await moving.enter();
      expect({ of: dialect.name, term: again.term, list: wholeOf(dialect, again) }).toEqual({
        ...{ of: dialect.name, term: 1n, list: all },
      });
    }
    // Sessions of S0 and S1 are the client's own. Those of the others are of the node: the place goes
    // over to one of the node that the client is with now, before the old one ends.
    for (const [i, trio] of trios.entries()) {
      const [first, moving, last] = await instancesOf(trio, two);
      expect([first, last]).toEqual([before[i]![0], before[i]![2]]);
      expect(moving === before[i]![1]).toBe(["S0", "S1"].includes(trio.dialect.name));
    }
    const [s0, s1] = [trios[0]!, trios[1]!];
    // What happened while nobody listened is told, in order and once: the stream is state.
    await s0.first.steer("anoint", "last");
    await s0.moving.steer("promote", "moving");
    expect(await s0.watch.next()).toMatchObject({ term: 2n, leader: "last" });
    expect(wholeOf(s0.dialect, await s0.watch.next())).toEqual(["last", "moving", "first"]);
    await s0.moving.keepAlive();
    await s1.moving.steer("anoint", "moving");
    expect(await s1.first.get()).toMatchObject({ term: 2n, leader: "moving" });
    await s1.moving.keepAlive();

    await cluster().restart(1);
    await cluster().ready();
    for (const { first, moving, last } of trios) {
      for (const client of [first, moving, last]) await client.quit();
    }
  },
  TEST_MS,
);

async function instancesOf({ dialect }: Trio, endpoint: string): Promise<readonly string[]> {
  const kind = dialect === s4Dialect ? "LATCH" : "ELECTION";
  return (await nativeView(endpoint, `${dialect.name} moves`, kind))?.instances ?? [];
}

function wholeOf({ isLeaderFirst }: Dialect, { leader, list }: Seen): readonly string[] {
  return isLeaderFirst ? list : [leader, ...list];
}
