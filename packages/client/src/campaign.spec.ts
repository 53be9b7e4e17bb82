// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { ElectionError } from "./error.ts";
import type { Leadership } from "./leadership.ts";
import { createWorld } from "./memory/memory-world.ts";

const TTL_MS = 1_000;

test("lead returns what work returned, and has resigned by then", async () => {
  const world = createWorld();
  const { client } = await world.start();

  const value = await client.election("orders").lead(async ({ fence }) => `done under ${fence}`);

  expect(value).toBe("done under orders#1");
  expect(world.server.election("orders")?.list).toEqual([]);
});

test("no work begins when the caller stops at the moment of office", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const stop = new AbortController();
  let runs = 0;
  const work = async (): Promise<void> => {
    runs += 1;
  };
  const onState = (state: string): void => {
    if (state === "leading") stop.abort();
  };

  const leading = client.election("orders").lead(work, { onState, signal: stop.signal });

  await expect(leading).rejects.toMatchObject({ code: "ABORTED" });
  expect(runs).toBe(0);
});

test("an update that has no answer when the candidacy ends may have been carried out", async () => {
  const world = createWorld();
  const { client, network } = await world.start();
  const leadership = await client.election("orders").campaign({ ttlMs: TTL_MS });

  const updating = leadership.update({ zone: "1" });
  const told = expect(updating).rejects.toMatchObject({ outcome: "unknown" });
  network.cut();
  await world.advance(3 * TTL_MS);
  network.heal();
  await world.advance(3 * TTL_MS);

  await told;
});

test("an endpoint that no connection can be made to is refused at the door", async () => {
  const world = createWorld();

  for (const endpoint of ["ftp://a", "http://", "http://a b", "http://a:99999"]) {
    const connecting = world.start({ endpoints: [endpoint] });
    await expect(connecting).rejects.toMatchObject({ code: "INVALID" });
  }
});

test("a callback of the caller's that throws stops neither renewals nor reconnects", async () => {
  using thrown = unhandledRejections();
  const world = createWorld();
  const a = await world.start();
  const failure = new Error("a fault of the caller's");
  const onState = (): never => {
    throw failure;
  };
  const leadership = await a.client.election("orders").campaign({ ttlMs: TTL_MS, onState });

  a.network.reset();
  await world.advance(5 * TTL_MS);

  expect(String(leadership.assertHeld())).toBe("orders#1");
  await new Promise((resolve) => setImmediate(resolve));
  expect(thrown.reasons).toContain(failure);
});

test("lead throws what work threw, and has resigned by then", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const failure = new Error("disk full");

  const leading = client.election("orders").lead(() => Promise.reject(failure));

  await expect(leading).rejects.toBe(failure);
  expect(world.server.election("orders")?.list).toEqual([]);
});

test("lead throws the loss of an office that was lost while work went on", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const orders = client.election("orders");
  const leading = orders.lead(untilAborted, { candidate: "a", ttlMs: TTL_MS });
  leading.catch(() => {});
  await world.settle();

  await orders.admin.evict("a");
  await world.settle();

  await expect(leading).rejects.toMatchObject({ code: "EVICTED" });
});

test("serve keeps its place when an operator moves the office away, and runs when it comes back", async () => {
  const world = createWorld();
  const [a, b] = [await world.start(), await world.start()];
  const stop = new AbortController();
  const fences: string[] = [];
  const serving = a.client.election("orders").serve(
    async (leadership) => {
      fences.push(String(leadership.fence));
      await untilAborted(leadership);
    },
    { candidate: "a", ttlMs: TTL_MS, signal: stop.signal },
  );
  await world.settle();
  const other = b.client.election("orders").campaign({ candidate: "b", ttlMs: TTL_MS });
  await world.settle();

  world.server.move("anoint", "orders", "b");
  await world.settle();
  expect(world.server.election("orders")?.list.map(({ name }) => name)).toEqual(["b", "a"]);
  await (await other).resign();
  await world.settle();

  expect(fences).toEqual(["orders#1", "orders#3"]);
  stop.abort();
  await serving;
});

test("the work of an office begins only when the work before it, in this client, has settled", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const orders = client.election("orders");
  const events: string[] = [];
  let finish = (): void => {};
  const first = orders.lead(
    async () => {
      events.push("a begins");
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      events.push("a ends");
    },
    { candidate: "a", ttlMs: TTL_MS },
  );
  first.catch(() => {});
  await world.settle();
  const second = orders.lead(async () => void events.push("b begins"), {
    candidate: "b",
    ttlMs: TTL_MS,
  });
  await world.settle();

  await orders.admin.anoint("b");
  await world.settle();
  expect(events).toEqual(["a begins"]);
  finish();
  await second;

  expect(events).toEqual(["a begins", "a ends", "b begins"]);
  await expect(first).rejects.toMatchObject({ code: "SUPERSEDED" });
});

test("A10: work that ignores its signal is withdrawn from when the drain is over", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const stop = new AbortController();
  let finish = (): void => {};
  let held: Leadership | undefined;
  const work = async (leadership: Leadership): Promise<void> => {
    held = leadership;
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
  };
  const options = { ttlMs: TTL_MS, drainMs: 300, signal: stop.signal };
  const serving = client.election("orders").serve(work, options);
  await world.settle();

  stop.abort();
  await world.advance(290);
  expect(held?.signal.aborted).toBe(true);
  expect(() => held?.assertHeld()).not.toThrow();
  expect(world.server.election("orders")?.list).toHaveLength(1);
  await world.advance(20);

  expect(world.server.election("orders")?.list).toHaveLength(0);
  expect(() => held?.assertHeld()).toThrow(expect.objectContaining({ code: "ABORTED" }));
  finish();
  await serving;
});

test("A7: a standby whose session ends while it waits is in the queue again at once", async () => {
  const world = createWorld();
  const [a, b] = [await world.start(), await world.start()];
  await a.client.election("orders").campaign({ candidate: "a", ttlMs: TTL_MS });
  const next = b.client.election("orders").campaign({ candidate: "b", ttlMs: TTL_MS });
  next.catch(() => {});
  await world.settle();

  world.server.endSessionOf("orders", "b");
  await world.settle();

  expect(world.server.election("orders")?.list.map(({ name }) => name)).toEqual(["a", "b"]);
});

test("A9: after an outage of three TTLs work runs again, once, under a new fence", async () => {
  const world = createWorld();
  const { client, network } = await world.start();
  const stop = new AbortController();
  const fences: string[] = [];
  const serving = client.election("orders").serve(
    async (leadership) => {
      fences.push(String(leadership.fence));
      await untilAborted(leadership);
    },
    { ttlMs: TTL_MS, signal: stop.signal },
  );
  await world.settle();

  network.cut();
  await world.advance(3 * TTL_MS);
  network.heal();
  await world.advance(3 * TTL_MS);

  expect(fences).toEqual(["orders#1", "orders#2"]);
  stop.abort();
  await serving;
});

test("A13: a name that another process holds is waited for", async () => {
  const world = createWorld();
  const [a, b] = [await world.start(), await world.start()];
  const first = await a.client.election("orders").campaign({ candidate: "x" });
  const second = b.client.election("orders").campaign({ candidate: "x" });
  await world.advance(2_000);
  expect(world.server.election("orders")?.list).toHaveLength(1);

  await first.resign();
  await world.advance(1_000);

  expect((await second).fence.term).toBe(2n);
});

test("an evicted server of an election comes back after a whole TTL, not before", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const stop = new AbortController();
  const options = { candidate: "a", ttlMs: TTL_MS, signal: stop.signal };
  const serving = client.election("orders").serve(untilAborted, options);
  await world.settle();

  await client.election("orders").admin.evict("a");
  await world.advance(TTL_MS - 20);
  expect(world.server.election("orders")?.list).toHaveLength(0);
  await world.advance(40);

  expect(world.server.election("orders")?.list).toHaveLength(1);
  stop.abort();
  await serving;
});

test("a caller that stops waiting gets its reason, and leaves no candidate behind", async () => {
  const world = createWorld();
  const [a, b] = [await world.start(), await world.start()];
  await a.client.election("orders").campaign({ candidate: "a" });
  const stop = new AbortController();
  const waiting = b.client.election("orders").campaign({ candidate: "b", signal: stop.signal });
  waiting.catch(() => {});
  await world.settle();

  stop.abort("shutting down");
  await world.settle();

  await expect(waiting).rejects.toMatchObject({ code: "ABORTED", cause: "shutting down" });
  expect(world.server.election("orders")?.list.map(({ name }) => name)).toEqual(["a"]);
});

test("a closed client leaves no candidate, no timer and no open call", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const held = await client.election("orders").campaign();
  const leading = client.election("mails").lead(untilAborted);
  await world.settle();

  const closing = client.close();
  await world.settle();
  await closing;

  expect(client.state).toBe("closed");
  expect(held.signal.reason).toMatchObject({ code: "CLOSED" });
  await leading;
  expect(world.server.election("orders")?.list).toHaveLength(0);
  expect(world.server.election("mails")?.list).toHaveLength(0);
  expect(world.clock.pendingTimers).toBe(0);
  await expect(client.election("orders").get()).rejects.toMatchObject({ code: "CLOSED" });
});

test("options out of their bounds are all named, before anything is sent", async () => {
  const world = createWorld();
  const { client, sent } = await world.start();
  const before = sent.length;

  const error = await client
    .election("orders")
    .campaign({ candidate: "", ttlMs: 499, graceMs: 500, metadata: { k: "x".repeat(4096) } })
    .catch((thrown: ElectionError) => thrown);

  expect(error).toMatchObject({ code: "INVALID", outcome: "not-applied" });
  expect((error as ElectionError).message.split("; ")).toHaveLength(4);
  expect(sent.length).toBe(before);
});

test("commands of one turn go in one frame", async () => {
  const world = createWorld();
  const { client, sent } = await world.start();
  for (let n = 0; n < 10; n++) void client.election(`e${n}`).campaign();

  await world.settle();

  expect(sent.filter(({ frame }) => frame.commands.length > 0)).toHaveLength(1);
  expect(sent.find(({ frame }) => frame.commands.length > 0)?.frame.commands).toHaveLength(10);
});

async function untilAborted({ signal }: Leadership): Promise<void> {
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve());
    if (signal.aborted) resolve();
  });
}

/** In place of the runner's own listeners, until the test ends. */
function unhandledRejections(): Disposable & { readonly reasons: readonly unknown[] } {
  const reasons: unknown[] = [];
  const before = process.rawListeners("unhandledRejection") as ((reason: unknown) => void)[];
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason) => reasons.push(reason));
  return {
    reasons,
    [Symbol.dispose]: () => {
      process.removeAllListeners("unhandledRejection");
      for (const listener of before) process.on("unhandledRejection", listener);
    },
  };
}

test("a resignation ends when its candidate is out, though an operator has given the office away", async () => {
  const world = createWorld({ partitionCount: 1 });
  const [a, b] = [await world.start(), await world.start()];
  let held: Leadership | undefined;
  const work = (leadership: Leadership): Promise<void> => {
    held = leadership;
    return new Promise(() => {});
  };
  const drained = { candidate: "a", ttlMs: 10_000, drainMs: 300 };
  void a.client.election("orders").serve(work, drained);
  await world.settle();
  void b.client.election("orders").campaign({ candidate: "b", ttlMs: 10_000 });
  await world.settle();
  let isOut = false;
  void held?.resign().then(() => {
    isOut = true;
  });

  await b.client.election("orders").admin.anoint("b");
  await world.settle();
  expect(() => held?.assertHeld()).toThrow();
  a.fromServer = () => undefined;
  await world.advance(400);
  expect(isOut).toBe(false);

  a.fromServer = (frame) => frame;
  a.network.reset();
  await world.advance(1_000);
  expect(isOut).toBe(true);
  expect(world.server.election("orders")?.list.map(({ name }) => name)).toEqual(["b"]);
});
