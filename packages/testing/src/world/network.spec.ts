// SPDX-License-Identifier: Apache-2.0
import { createPrng } from "@conclave/base";
import { beforeEach, describe, expect, test } from "vitest";
import type { ConnectionEnd, EndListener, Host } from "./connection.ts";
import { CALM_PATH, SimNetwork } from "./network.ts";
import { SimProcess } from "./sim-process.ts";
import { createVirtualTime, type VirtualTime } from "./virtual-time.ts";

let time: VirtualTime;
let network: SimNetwork;
let hosts: Record<"a" | "b", Host>;
/** What each machine has heard, with the time. */
let heard: string[];
let accepted: ConnectionEnd[];

beforeEach(() => {
  time = createVirtualTime(
    () => Promise.resolve(),
    (error) => expect.fail(String(error)),
  );
  network = new SimNetwork(time, createPrng(1n));
  hosts = { a: network.addHost("a"), b: network.addHost("b") };
  heard = [];
  accepted = [];
  for (const host of Object.values(hosts)) live(host);
});

function live(host: Host): void {
  const thrown = (_: string, error: unknown): void => expect.fail(String(error));
  host.process = new SimProcess({ name: host.name, time, thrown });
  network.listen(host, (end) => {
    accepted.push(end);
    return listener(host.name);
  });
}

function listener(name: string): EndListener {
  return {
    frame: (frame) => heard.push(`${name}: ${String(frame)}`),
    ended: (cause) => heard.push(`${name}: ${cause}`),
    room: () => heard.push(`${name}: room`),
  };
}

function dial(): ConnectionEnd {
  return network.dial(hosts.a, "b", "test", listener("a"));
}

async function pass(ms: number): Promise<void> {
  const untilUs = time.nowUs + ms * 1000;
  while (await time.step(untilUs)) {
    // The next one.
  }
  time.passTo(untilUs);
}

function die(host: Host): void {
  host.process?.end();
  network.processEnded(host, true);
}

function loseBsPower(): void {
  hosts.b.process?.end();
  hosts.b.isUp = false;
  network.processEnded(hosts.b, false);
}

test("frames come in the order in which they were sent, whatever each took", async () => {
  network.profile = { ...CALM_PATH, minMs: 1, maxMs: 50, lostPermille: 300 };
  const end = dial();
  for (let i = 0; i < 50; i++) end.send(i);
  await pass(20_000);

  expect(heard).toEqual(Array.from({ length: 50 }, (_, i) => `b: ${i}`));
});

test("what is cut off one way is late and not lost, and the other way goes on", async () => {
  const end = dial();
  await pass(10);
  network.cut("a", "b");
  end.send("there");
  accepted[0]?.send("back");
  await pass(1_000);
  expect(heard).toEqual(["a: back"]);

  network.heal("a", "b");
  await pass(1_000);
  expect(heard).toEqual(["a: back", "b: there"]);
});

test("a connection cannot be opened while either way is cut, and comes about when both are whole", async () => {
  network.cut("b", "a");
  dial().send("hello");
  await pass(1_000);
  expect(heard).toEqual([]);

  network.healAll();
  await pass(1_000);
  expect(heard).toEqual(["b: hello"]);
});

test("machines of different groups hear nothing of each other until all is healed", async () => {
  const end = dial();
  await pass(10);
  network.partition([["a"], ["b"]]);
  end.send("there");
  accepted[0]?.send("back");
  await pass(1_000);
  expect(heard).toEqual([]);

  network.healAll();
  await pass(1_000);
  expect(heard.sort()).toEqual(["a: back", "b: there"]);
});

test("where no process runs the kernel refuses", async () => {
  die(hosts.b);
  dial();
  await pass(100);

  expect(heard).toEqual(["a: connection refused"]);
  expect(network.open).toBe(0);
});

test("who dials a name that nobody has is refused", async () => {
  network.dial(hosts.a, "nowhere", "test", listener("a"));
  await pass(100);

  expect(heard).toEqual(["a: connection refused"]);
});

test("when a process is killed its kernel says so, after what it had sent", async () => {
  const end = dial();
  await pass(10);
  accepted[0]?.send("last words");
  die(hosts.b);
  await pass(100);
  end.send("nobody hears this");
  await pass(100);

  expect(heard).toEqual(["a: last words", "a: connection reset"]);
});

test("a machine without power says nothing, and with power again resets what it does not know", async () => {
  const end = dial();
  await pass(10);
  loseBsPower();
  end.send("into the dark");
  await pass(10_000);
  expect(heard).toEqual([]);

  network.machineUp(hosts.b);
  live(hosts.b);
  await pass(1_000);
  expect(heard).toEqual(["a: connection reset"]);
});

test("who had nothing on its way to a machine that lost its power learns of it by its next frame", async () => {
  const end = dial();
  await pass(10);
  loseBsPower();
  network.machineUp(hosts.b);
  live(hosts.b);
  await pass(1_000);
  expect(heard).toEqual([]);

  end.send("are you there");
  await pass(1_000);
  expect(heard).toEqual(["a: connection reset"]);
});

test("a reset is told to both, and only one is told of a connection that a router forgot", async () => {
  dial();
  await pass(10);
  network.reset("a", "b");
  await pass(100);
  expect(heard.splice(0).sort()).toEqual(["a: connection reset", "b: connection reset"]);

  const end = dial();
  await pass(10);
  network.sever("b", "a");
  end.send("swallowed");
  await pass(10_000);
  expect(heard).toEqual(["b: connection reset"]);
});

test("who sends faster than the other takes waits, and is told when there is room", async () => {
  const end = dial();
  let sent = 0;
  while (end.hasRoom) end.send(sent++);
  expect(sent).toBeGreaterThan(1);
  await pass(100);

  expect(heard).toContain("a: room");
  expect(end.hasRoom).toBe(true);
});

test("a paused process takes what came meanwhile when it goes on", async () => {
  const end = dial();
  await pass(10);
  hosts.b.process?.pause();
  end.send("1");
  end.send("2");
  await pass(1_000);
  expect(heard).toEqual([]);

  hosts.b.process?.resume("as-it-came");
  await pass(0);
  expect(heard).toEqual(["b: 1", "b: 2"]);
});

describe("frames that may be lost", () => {
  async function received(unruly: Partial<typeof CALM_PATH.unruly>): Promise<readonly string[]> {
    const none = { lostPermille: 0, doubledPermille: 0, reorderedPermille: 0 };
    network.profile = { ...CALM_PATH, unruly: { ...none, ...unruly } };
    const end = dial();
    await pass(10);
    for (let i = 0; i < 200; i++) {
      end.send(i, true);
      await pass(1);
    }
    await pass(1_000);
    return heard;
  }

  test("are lost now and then, in a network that loses", async () => {
    const { length } = await received({ lostPermille: 200 });
    expect(length).toBeGreaterThan(100);
    expect(length).toBeLessThan(190);
  });

  test("come twice now and then, in a network that doubles", async () => {
    const frames = await received({ doubledPermille: 200 });
    expect(new Set(frames).size).toBe(200);
    expect(frames.length).toBeGreaterThan(210);
  });

  test("overtake each other now and then, in a network that reorders", async () => {
    const frames = await received({ reorderedPermille: 200 });
    const ordered = Array.from({ length: 200 }, (_, i) => `b: ${i}`);
    expect([...frames].sort()).toEqual([...ordered].sort());
    expect(frames).not.toEqual(ordered);
  });
});
