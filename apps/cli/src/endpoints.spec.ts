// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { chooseEndpoints } from "./endpoints.ts";

const NOTHING = { flag: undefined, environment: undefined, file: undefined };

test("with nothing said it is this machine's default port", () => {
  expect(chooseEndpoints(NOTHING)).toMatchObject({ urls: ["http://127.0.0.1:7400"] });
});

test("the flag wins over the environment and the environment over the file", () => {
  const all = { flag: "http://f:1", environment: "http://e:1", file: "http://d:1\n" };

  expect(chooseEndpoints(all)).toMatchObject({ urls: ["http://f:1"] });
  expect(chooseEndpoints({ ...all, flag: undefined })).toMatchObject({ urls: ["http://e:1"] });
  expect(chooseEndpoints({ ...NOTHING, file: all.file })).toMatchObject({ urls: ["http://d:1"] });
});

test("an empty variable counts as not set", () => {
  expect(chooseEndpoints({ ...NOTHING, environment: " " })).toMatchObject({
    source: "the default",
  });
});

test("several endpoints are parted by commas or lines", () => {
  const found = chooseEndpoints({ ...NOTHING, file: "http://a:1\nhttp://b:2,https://c\n" });

  expect(found).toMatchObject({ urls: ["http://a:1", "http://b:2", "https://c"] });
});

test.each([
  ["127.0.0.1:7400", "is no URL like http://127.0.0.1:7400"],
  ["ftp://a", "is no URL like"],
  ["http://a:1/path", "has a path"],
  ["http://a:1?x=1", "has a path"],
])("%s is refused by name of its source", (text, problem) => {
  const found = chooseEndpoints({ ...NOTHING, flag: text });

  expect(found).toMatchObject({ kind: "malformed", source: "--endpoint" });
  expect(found).toMatchObject({ problem: expect.stringContaining(problem) });
});
