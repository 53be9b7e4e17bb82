// SPDX-License-Identifier: Apache-2.0
// What real HTTP/2 does to a link beside carrying its frames.
import { once } from "node:events";
import { createServer, type ServerHttp2Stream } from "node:http2";
import { expect, test } from "vitest";
import { createNodeLink } from "./node-link.ts";

test("an answer that begins after its stream was let go of does not end the process with the connection", async () => {
  const errors: unknown[] = [];
  const note = (error: unknown): void => void errors.push(error);
  process.on("uncaughtException", note);
  const server = createServer();
  const streams: ServerHttp2Stream[] = [];
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    streams.push(stream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const link = createNodeLink(undefined);
  const listener = { frame: () => {}, end: () => {} };

  const attachment = link.attach(`http://127.0.0.1:${port}`, listener);
  await expect.poll(() => streams.length).toBe(1);
  // The answer is on its way when the client lets go: the server has not read the reset yet.
  attachment.close();
  streams[0]?.respond({ ":status": 200, "content-type": "application/connect+proto" });
  const second = link.attach(`http://127.0.0.1:${port}`, listener);
  await expect.poll(() => streams.length).toBe(2);
  second.close();
  link.close();
  await expect.poll(() => streams.every((stream) => stream.destroyed)).toBe(true);

  server.close();
  process.off("uncaughtException", note);
  expect(errors).toEqual([]);
});
