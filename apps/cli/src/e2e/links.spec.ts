// SPDX-License-Identifier: Apache-2.0
// Proxies that tell who dials and treat each direction by itself: a link that is not cut would let every
// spec of a partition pass.
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePorts } from "./free-ports.ts";
import { createLinks, type Links } from "./links.ts";
import { eventually } from "./processes.ts";

// Links give each node a loopback address of its own, which only Linux has without set-up.
const onLinux = test.skipIf(process.platform !== "linux");

let links: Links;
let ports: readonly number[];
const heard: string[] = [];
const sockets: Socket[] = [];
const echo = createServer((socket) => {
  sockets.push(socket);
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    heard.push(String(chunk));
    socket.write(`re: ${chunk}`);
  });
});

beforeEach(async () => {
  ports = await freePorts(2);
  heard.length = 0;
  echo.listen(ports[1], "127.0.0.1");
  await once(echo, "listening");
  // This process is node 1 and dials; the echo is node 2, which nobody's id belongs to.
  links = await createLinks(ports, (node) => (node === 1 ? process.pid : undefined));
});

afterEach(() => {
  links.close();
  for (const socket of sockets) socket.destroy();
  echo.close();
});

onLinux("bytes pass both ways and in order, though the delay falls meanwhile", async () => {
  const { socket, answers } = await dial();
  links.treat(1, 2, { delayMs: 80 });
  socket.write("one ");
  // Kernel and proxy, which is of this process, need some turns of the loop to take it in.
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  links.treat(1, 2, {});
  socket.write("two ");

  await eventually("both are answered", () => answers().includes("two"));

  expect(heard.join("")).toBe("one two ");
  expect(answers().indexOf("one")).toBeLessThan(answers().indexOf("two"));
});

onLinux("a silent direction swallows what is sent in it, and the other one passes", async () => {
  const { socket, answers } = await dial();
  socket.write("before");
  await eventually("it is answered", () => answers() === "re: before");

  links.treat(2, 1, { isSilent: true });
  socket.write("hear");
  await eventually("it is heard", () => heard.join("").endsWith("hear"));
  links.treat(1, 2, { isSilent: true });
  links.treat(2, 1, {});
  socket.write("lost");
  sockets.at(-1)?.write("spoken");
  await eventually("it is spoken", () => answers().endsWith("spoken"));

  expect(answers()).toBe("re: beforespoken");
  expect(heard.join("")).toBe("beforehear");
});

onLinux("what went silent is reset when the links heal", async () => {
  const { socket } = await dial();
  const closed = new Promise((resolve) => socket.once("close", resolve));
  links.cut([1], [2]);

  links.heal();

  await closed;
});

onLinux("a dialler that is no node is left alone", async () => {
  links.close();
  links = await createLinks(ports, () => undefined);
  links.cut([1], [2]);
  const { socket, answers } = await dial();

  socket.write("client");

  await eventually("it is answered", () => answers() === "re: client");
});

async function dial() {
  const [host, port] = links.addressOf(2).split(":");
  const socket = connect(Number(port), host);
  socket.on("error", () => {});
  sockets.push(socket);
  let answers = "";
  socket.on("data", (chunk) => {
    answers += String(chunk);
  });
  await once(socket, "connect");
  return { socket, answers: () => answers };
}
