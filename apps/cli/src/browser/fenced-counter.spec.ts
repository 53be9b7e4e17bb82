// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { createScene } from "../e2e/server.ts";
import { serveCounters } from "./fenced-counter.ts";

test("a write that began in an old term is refused once the next leader has read", async () => {
  await using scene = createScene();
  const service = await serveCounters(scene);
  const ask = (query: string): Promise<Response> => fetch(`${service.url}/?election=e&${query}`);

  await ask("term=1");
  expect((await ask("term=1&value=1")).status).toBe(200);
  expect(await (await ask("term=2")).text()).toBe("1");

  expect((await ask("term=1&value=2")).status).toBe(409);
  expect((await ask("term=2&value=2")).status).toBe(200);
  expect(service.counter("e")).toMatchObject({ value: 2, writes: 2 });
});

test("of two writers in one term an update is lost, and the counter shows it", async () => {
  await using scene = createScene();
  const service = await serveCounters(scene);
  const ask = (query: string): Promise<Response> => fetch(`${service.url}/?election=e&${query}`);

  for (const _ of ["one", "the other"]) await ask("term=1");
  for (const _ of ["one", "the other"]) await ask("term=1&value=1");

  const { value, writes } = service.counter("e");
  expect(writes - value).toBe(1);
});
