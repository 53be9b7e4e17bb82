// SPDX-License-Identifier: Apache-2.0
// Proxies that treat each direction by itself: a way that is not cut would let every spec of a partition
// pass.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createPrng } from "@conclave/base";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ClusterNetwork } from "./cluster-network.ts";

let network: ClusterNetwork;
let heard: string;
const sockets: Socket[] = [];
const echo = createServer((socket) => {
  sockets.push(socket);
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    heard += String(chunk);
    socket.write(`re: ${chunk}`);
  });
});

beforeEach(async () => {
  heard = "";
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  network = new ClusterNetwork(createPrng(7n));
  network.locate(2, (echo.address() as AddressInfo).port);
});

afterEach(() => {
  network.close();
  for (const socket of sockets) socket.destroy();
  echo.close();
});

test("bytes pass both ways and in order, though the delay falls meanwhile", async () => {
  const { socket, answers } = await dial(1);
  network.treat(1, 2, { delayMs: 80 });
  socket.write("one ");
  // Kernel and proxy, which is of this process, need some turns of the loop to take it in.
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  network.treat(1, 2, {});
  socket.write("two ");

  await expect.poll(answers).toContain("two");

  expect(heard).toBe("one two ");
  expect(answers().indexOf("one")).toBeLessThan(answers().indexOf("two"));
});

test("a silent direction swallows what is sent in it, and the other one passes", async () => {
  const { socket, answers } = await dial(1);
  socket.write("before");
  await expect.poll(answers).toBe("re: before");

  network.treat(2, 1, { isSilent: true });
  socket.write("hear");
  await expect.poll(() => heard).toBe("beforehear");
  network.treat(1, 2, { isSilent: true });
  network.treat(2, 1, {});
  socket.write("lost");
  sockets.at(-1)?.write("spoken");
  await expect.poll(answers).toBe("re: beforespoken");

  expect(heard).toBe("beforehear");
});

test("one way is cut, and another party's way to the same node passes", async () => {
  const cut = await dial(1);
  const whole = await dial("client 1");
  network.treat(1, 2, { isSilent: true });

  cut.socket.write("lost");
  whole.socket.write("heard");

  await expect.poll(whole.answers).toBe("re: heard");
  expect(heard).toBe("heard");
});

test("what went silent is reset when the network heals, and what did not goes on", async () => {
  const cut = await dial(1);
  const whole = await dial("client 1");
  const closed = new Promise((resolve) => cut.socket.once("close", resolve));
  network.treat(1, 2, { isSilent: true });

  network.heal();
  await closed;
  whole.socket.write("on");

  await expect.poll(whole.answers).toBe("re: on");
});

test("the end of a silent connection is heard of by nobody before the network heals", async () => {
  const { socket } = await dial(1);
  socket.write("x");
  await expect.poll(() => heard).toBe("x");
  const far = sockets.at(-1);
  network.treat(1, 2, { isSilent: true });

  socket.destroy();
  const other = await dial("client 1");
  other.socket.write("later");
  await expect.poll(other.answers).toBe("re: later");
  expect(far?.destroyed).toBe(false);
  network.heal();

  await expect.poll(() => far?.destroyed).toBe(true);
});

test("every lost packet is late by what TCP takes to send it again", async () => {
  const { socket, answers } = await dial(1);
  network.treat(1, 2, { lossShare: 1 });
  const beganMs = performance.now();

  socket.write("x");
  await expect.poll(answers).toBe("re: x");

  expect(performance.now() - beganMs).toBeGreaterThanOrEqual(199);
});

test("who dials a node that is nowhere is refused, and finds it when it is somewhere again", async () => {
  const { port } = echo.address() as AddressInfo;
  const way = await network.open(1, 2);
  network.locate(2, undefined);

  const refused = dialAt(way);
  await new Promise((resolve) => refused.socket.once("close", resolve));
  network.locate(2, port);
  const { socket, answers } = dialAt(way);
  socket.write("back");

  await expect.poll(answers).toBe("re: back");
});

async function dial(from: number | string) {
  const dialled = dialAt(await network.open(from, 2));
  await once(dialled.socket, "connect");
  return dialled;
}

function dialAt(way: string) {
  const [host, port] = way.split(":");
  const socket = connect(Number(port), host);
  socket.on("error", () => {});
  sockets.push(socket);
  let answers = "";
  socket.on("data", (chunk) => {
    answers += String(chunk);
  });
  return { socket, answers: () => answers };
}
