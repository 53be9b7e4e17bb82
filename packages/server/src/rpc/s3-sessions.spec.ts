// SPDX-License-Identifier: Apache-2.0
/** S3: whose candidates they are, over connections and what is opened on them (semantics 4.4, A2). */

import { describe, expect, test } from "vitest";
import { createMemoryCluster } from "../replica/memory-cluster.ts";
import { createMemoryNode, settled } from "../replica/memory-node.ts";
import { createMemoryClient } from "./memory-client.ts";
import { MemoryConnection } from "./memory-connection.ts";
import { DialectServer, errorOf } from "./memory-dialects.ts";
import { S3Application, shown } from "./memory-s3.ts";

const one = (): DialectServer => new DialectServer(createMemoryNode(3));

describe("a connection is a session", () => {
  test("bug 6: after a hand-over it is the new leader's connection that counts", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory);
    const [first, second, third] = [1, 2, 3].map(() => new S3Application(server));
    await first!.ask("enter", "a");
    await second!.ask("enter", "b");
    await third!.ask("anoint", "b");

    first!.connection.close();
    await memory.advance(10_500);
    expect(await third!.term()).toBe("2 b []");
    second!.connection.close();
    await memory.advance(10_500);

    expect(await third!.term()).toBe("2 - []");
  });

  test("bug 7: one who waits is gone with its connection, and never elected", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory);
    const [leader, waiting] = [new S3Application(server), new S3Application(server)];
    await leader.ask("enter", "a");
    await waiting.ask("enter", "b");

    waiting.connection.close();
    await memory.advance(10_500);

    expect(await leader.ask("withdraw", "a")).toBe("1 - []");
  });

  test("bug 8: closed, opened and entered again, it is let go again at its end", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory);
    const [application, other] = [new S3Application(server), new S3Application(server)];
    for (const term of ["1 a []", "2 a []"]) {
      await application.create();
      expect(await application.ask("enter", "a")).toBe(term);
      await application.close();
    }

    expect(await other.term()).toBe("2 - []");
  });

  test("a data call before Create is served", async () => {
    expect(await new S3Application(one()).ask("enter", "a")).toBe("1 a []");
  });

  test("a candidate that comes back on another connection keeps its place within the grace", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory);
    const [a, b] = [new S3Application(server), new S3Application(server)];
    await a.ask("enter", "a");
    await b.ask("enter", "b");
    await b.ask("enter", "c");

    b.connection.close();
    await memory.advance(5_000);
    const again = new S3Application(server);
    expect(await again.ask("enter", "b")).toBe("1 a [b c]");
    await memory.advance(10_000);

    expect(await again.term()).toBe("1 a [b]");
  });

  test("over HTTP/1.1 Enter is refused and says what it needs; all else is served", async () => {
    const server = one();
    await new S3Application(server).ask("enter", "a");
    const plain = new S3Application(server, new MemoryConnection(false));

    await plain.create();
    expect(await errorOf(plain.ask("enter", "b"))).toMatch(/^FailedPrecondition: .*session-id/);
    expect(await plain.term()).toBe("1 a []");
    expect(await plain.ask("evict", "a")).toBe("1 - []");
    await plain.close();
  });

  test.each([true, false])(
    "a native session is taken where it is given, over HTTP/2: %s",
    async (isShared) => {
      const memory = createMemoryNode();
      const server = new DialectServer(memory);
      const native = createMemoryClient(memory.node);
      const { sessionId } = await native.sessions.openSession({});
      const metadata = { "session-id": `${sessionId}` };
      const application = new S3Application(server, new MemoryConnection(isShared), { metadata });

      expect(await application.ask("enter", "a")).toBe("1 a []");
      application.connection.close();
      await native.sessions.closeSession({ sessionId });

      expect(await new S3Application(server).term()).toBe("1 - []");
    },
  );

  test.each([
    ["abc", "InvalidArgument: session-id"],
    ["0", "InvalidArgument: session-id"],
    ["99999999999999999999", "InvalidArgument: session-id"],
    ["4711", "PermissionDenied: session not found"],
  ])("the native session %s cannot be", async (sessionId, expected) => {
    const metadata = { "session-id": sessionId };
    const application = new S3Application(one(), new MemoryConnection(), { metadata });

    expect(await errorOf(application.ask("enter", "a"))).toContain(expected);
  });
});

describe("a stream", () => {
  test("ends with UNAVAILABLE at a node that cannot renew its connection's session", async () => {
    const cluster = await createMemoryCluster(1);
    const server = new DialectServer({ ...cluster.at(2), clock: cluster.clock });
    const application = new S3Application(server);
    const watch = await application.watch();
    await application.ask("enter", "a");
    const other = await new S3Application(server).watch();

    cluster.peers.fault(2, 1, "hold");
    await cluster.advance(7_000);
    expect(watch.end).toBeUndefined();
    await cluster.advance(2_980);

    expect(watch.end).toContain("Unavailable: ");
    // Nothing of this caller's hangs on a session.
    expect(other.end).toBeUndefined();
  });

  test("ends with UNAVAILABLE at a node that shuts down, and goes on at another", async () => {
    const cluster = await createMemoryCluster(1);
    const [first, second] = [2, 3].map(
      (node) => new DialectServer({ ...cluster.at(node), clock: cluster.clock }),
    );
    const application = new S3Application(first!);
    await application.ask("enter", "a");
    const watch = await application.watch();

    cluster.at(2).node.beginShutdown();
    await cluster.advance(100);
    expect(watch.end).toContain("Unavailable: ");
    application.connection.close();
    const again = new S3Application(second!);

    expect(await shown(await again.watch())).toEqual(["1 a []"]);
    // Another fencing number: two processes of one name may be on their way.
    expect(await again.ask("enter", "a")).toBe("2 a []");
    await cluster.advance(30_000);
    expect(await again.term()).toBe("2 a []");
  });

  test("bug 45: ends in order when its connection closes the election, the vacancy told before", async () => {
    const server = one();
    const [application, other] = [new S3Application(server), new S3Application(server)];
    const same = new S3Application(server, application.connection);
    for (const each of [application, same, other]) await each.create();
    await application.ask("enter", "a");
    const [watch, others] = [await application.watch(), await other.watch()];

    await application.close();
    await settled();
    expect(watch.end).toBeUndefined();
    await same.close();

    expect(await shown(watch)).toEqual(["1 a []", "1 - []"]);
    expect(watch.end).toBe("closed");
    expect(await shown(others)).toEqual(["1 a []", "1 - []"]);
    expect(others.end).toBeUndefined();
  });
});

describe("opening and closing", () => {
  test("bug 48: what one part of an application closes stays open for the others on its connection", async () => {
    const server = one();
    const connection = new MemoryConnection();
    const [first, other] = [
      new S3Application(server, connection),
      new S3Application(server, connection),
    ];
    for (const application of [first, other]) await application.create();
    await first.ask("enter", "a");
    await other.ask("enter", "b");

    await first.close();
    expect(await other.term()).toBe("1 a [b]");
    await other.close();

    expect(await other.term()).toBe("1 - []");
  });

  test("bug 48: a Close on one connection leaves every other alone", async () => {
    const server = one();
    const [a, b] = [new S3Application(server), new S3Application(server)];
    for (const application of [a, b]) await application.create();
    await a.ask("enter", "a");
    await b.ask("enter", "b");

    await a.close();
    await a.close();

    expect(await b.term()).toBe("2 b []");
  });

  test("the deprecated Create and Close of the data plane count with the others", async () => {
    const server = one();
    const application = new S3Application(server);
    await application.create();
    expect(await application.data.create({ id: application.id })).toMatchObject({
      config: { cache: { enabled: false } },
    });
    await application.ask("enter", "a");

    await application.data.close({ id: application.id });
    expect(await application.term()).toBe("1 a []");
    await application.close();

    expect(await application.term()).toBe("1 - []");
  });

  test("Close of what nobody opened answers OK", async () => {
    const application = new S3Application(one());
    await application.close();
    await application.data.close({ id: application.id });

    expect(await application.term()).toBe("0 - []");
  });

  test("bug 49: a latch of the same name is another primitive", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory);
    const { elections, sessions } = createMemoryClient(memory.node);
    const { sessionId } = await sessions.openSession({});
    const election = { name: "test", kind: 2 };
    await elections.enter({ election, candidate: "l", command: { sessionId, number: 1n } });
    const application = new S3Application(server);

    await application.create();

    expect(await application.term()).toBe("0 - []");
    expect(await application.ask("enter", "a")).toBe("1 a []");
  });

  test("Create tells what the configuration says of the cache, in the namespace that it says", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory, {
      isCacheEnabled: true,
      s3: { namespace: "apps", kind: "election" },
    });
    const application = new S3Application(server);

    const created = await application.elections.create({ id: application.id });
    await application.ask("enter", "a");

    expect(created).toMatchObject({ config: { cache: { enabled: true } } });
    const { elections } = createMemoryClient(memory.node);
    const { view } = await elections.get({ election: { namespace: "apps", name: "test" } });
    expect(view).toMatchObject({ leader: { name: "a" } });
  });
});
