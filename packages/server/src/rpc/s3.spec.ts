// SPDX-License-Identifier: Apache-2.0
/** S3 over nodes in memory: what its unmodified clients see (semantics 2.4, 2.5 B, A5). */

import { describe, expect, test } from "vitest";
import { createMemoryCluster } from "../replica/memory-cluster.ts";
import { createMemoryNode } from "../replica/memory-node.ts";
import { DialectServer, errorOf } from "./memory-dialects.ts";
import { S3Application, type S3Verb, shown } from "./memory-s3.ts";

const one = (): DialectServer => new DialectServer(createMemoryNode(3));

describe("scenario B, three applications in one election", () => {
  /** Whose application does what; answer and event are the same, except that a Close answers nothing. */
  const STEPS: readonly (readonly [number, S3Verb | "close", string, string])[] = [
    [1, "enter", "e1", "1 e1 []"],
    [2, "enter", "e2", "1 e1 [e2]"],
    [3, "enter", "e3", "1 e1 [e2 e3]"],
    [3, "promote", "e3", "1 e1 [e3 e2]"],
    [3, "promote", "e3", "2 e3 [e1 e2]"],
    [2, "anoint", "e2", "3 e2 [e3 e1]"],
    [2, "withdraw", "e2", "4 e3 [e1]"],
    [3, "evict", "e3", "5 e1 []"],
    [2, "enter", "e2", "5 e1 [e2]"],
    [1, "anoint", "e2", "6 e2 [e1]"],
    [2, "close", "", "7 e1 []"],
  ];

  async function run(
    applications: readonly S3Application[],
    between: () => Promise<void> = async () => {},
  ): Promise<void> {
    const [e1, , e3] = applications as [S3Application, S3Application, S3Application];
    for (const application of applications) await application.create();
    const watch = await e1.watch();
    expect(await e1.term()).toBe("0 - []");
    expect(await shown(watch)).toEqual([]);
    for (const [number, verb, candidate, expected] of STEPS) {
      await between();
      const application = applications[number - 1]!;
      if (verb === "close") await application.close();
      else expect(await application.ask(verb, candidate)).toBe(expected);
    }
    expect(await shown(watch)).toEqual(STEPS.map(([, , , expected]) => expected));
    await between();
    await e1.close();
    await e3.close();
    for (const application of applications.slice(0, 2)) await application.create();
    expect(await e1.term()).toBe("7 - []");
    await e1.close();
  }

  test("at one node", async () => {
    const server = one();

    await run([1, 2, 3].map(() => new S3Application(server)));
  });

  test("each at another node, with a leader change between any two steps", async () => {
    const cluster = await createMemoryCluster(1);
    const servers = [1, 2, 3].map(
      (node) => new DialectServer({ ...cluster.at(node), clock: cluster.clock }),
    );
    let leader = 1;

    await run(
      servers.map((server) => new S3Application(server)),
      async () => {
        leader = (leader % 3) + 1;
        cluster.group(1).lead(leader);
        await cluster.advance(40);
      },
    );
  });
});

describe("watching", () => {
  test("a watch of an election that is led begins with its term", async () => {
    const application = new S3Application(one());
    await application.ask("enter", "a");

    expect(await shown(await application.watch())).toEqual(["1 a []"]);
  });

  test("bug 15: a watch of a vacant one that was led begins with its term, though nobody leads", async () => {
    const application = new S3Application(one());
    await application.ask("enter", "a");
    await application.ask("withdraw", "a");

    expect(await shown(await application.watch())).toEqual(["1 - []"]);
  });

  test("bug 11: the end of the only candidate's connection is told as a vacancy", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory);
    const [leader, other] = [new S3Application(server), new S3Application(server)];
    await leader.ask("enter", "a");
    const watch = await other.watch();

    leader.connection.close();
    await memory.advance(10_500);

    expect(await shown(watch)).toEqual(["1 a []", "1 - []"]);
  });

  test("bug 12: a step down of the last, which changes nothing, is not told", async () => {
    const application = new S3Application(one());
    for (const candidate of ["a", "b"]) await application.ask("enter", candidate);
    const watch = await application.watch();

    expect(await application.ask("demote", "b")).toBe("1 a [b]");
    expect(await application.ask("anoint", "nobody")).toBe("1 a [b]");

    expect(await shown(watch)).toEqual(["1 a [b]"]);
  });

  test("bug 16: a watch that its client drops is forgotten", async () => {
    const memory = createMemoryNode();
    const application = new S3Application(new DialectServer(memory));
    const watch = await application.watch();
    expect(memory.node.partition(1).watchers.isEmpty).toBe(false);

    await watch.cancel();

    expect(memory.node.partition(1).watchers.isEmpty).toBe(true);
  });
});

describe("order", () => {
  async function queued(): Promise<S3Application> {
    const application = new S3Application(one());
    for (const candidate of ["a", "b", "c", "d"]) await application.ask("enter", candidate);
    return application;
  }

  test.each([
    [
      "bug 1: the anointed one leads, not the last, and the rest keep their order",
      "anoint",
      "b",
      "2 b [a c d]",
    ],
    ["bug 2: a step down swaps with the one behind", "demote", "b", "1 a [c b d]"],
    ["bug 3: a step up in the middle swaps with the one before", "promote", "c", "1 a [c b d]"],
    [
      "bug 5: promoted to the front, the first in line leads and the leader stays",
      "promote",
      "b",
      "2 b [a c d]",
    ],
    ["bug 10: the leader who enters again changes nothing", "enter", "a", "1 a [b c d]"],
    ["bug 14: a leader who steps down becomes second", "demote", "a", "2 b [a c d]"],
    ["bug 9: who withdraws is who is named, wherever he stands", "withdraw", "c", "1 a [b d]"],
    ["bug 9: of a name that nobody bears nobody withdraws", "withdraw", "nonsense", "1 a [b c d]"],
  ] as const)("%s", async (_, verb, candidate, expected) => {
    expect(await (await queued()).ask(verb, candidate)).toBe(expected);
  });
});

describe("bad input", () => {
  const calls: readonly (readonly [
    string,
    (application: S3Application, id: object) => Promise<unknown>,
  ])[] = [
    ["Create", ({ elections }, id) => elections.create(id)],
    ["Close", ({ elections }, id) => elections.close(id)],
    ["Enter", ({ data }, id) => data.enter({ ...id, candidate: "a" })],
    ["Evict", ({ data }, id) => data.evict({ ...id, candidate: "a" })],
    ["GetTerm", ({ data }, id) => data.getTerm(id)],
    ["Watch", ({ data }, id) => data.watch(id)[Symbol.asyncIterator]().next()],
  ];

  test.each(calls)("%s without an id, or with one that cannot be, is refused", async (_, call) => {
    const application = new S3Application(one());
    for (const id of [
      {},
      { id: {} },
      { id: { name: "x".repeat(257) } },
      { id: { name: "a\nb" } },
    ]) {
      expect(await errorOf(call(application, id))).toContain("InvalidArgument: ");
    }
  });

  test.each(["", "x".repeat(257), "a\u0000b"])(
    "the candidate %j is refused, and nothing is entered",
    async (candidate) => {
      const application = new S3Application(one());

      expect(await errorOf(application.ask("enter", candidate))).toContain("InvalidArgument: ");
      expect(await errorOf(application.ask("anoint", candidate))).toContain("InvalidArgument: ");

      expect(await application.term()).toBe("0 - []");
    },
  );

  test("without a leader every call is answered UNAVAILABLE after its patience", async () => {
    const cluster = await createMemoryCluster(1);
    const application = new S3Application(
      new DialectServer({ ...cluster.at(2), clock: cluster.clock }),
    );
    cluster.group(1).loseLeader();

    const asked = [
      application.ask("enter", "a"),
      application.ask("evict", "a"),
      application.term(),
    ].map(errorOf);
    const watch = await application.watch();
    await cluster.advance(5_100);

    for (const error of await Promise.all(asked)) expect(error).toContain("Unavailable: ");
    expect(watch.end).toContain("Unavailable: ");
  });
});
