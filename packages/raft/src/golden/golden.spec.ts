// SPDX-License-Identifier: Apache-2.0
/**
 * Runs the scripts of packages/raft/testdata. With CONCLAVE_GOLDEN=rewrite in the environment it
 * writes what happens into them instead of comparing; the diff is then for people to judge.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Commands } from "./commands.ts";
import { formatScript, parseScript } from "./script.ts";

const FOLDER = join(import.meta.dirname, "../../testdata");
const IS_REWRITING = process.env["CONCLAVE_GOLDEN"] === "rewrite";
const FILES = readdirSync(FOLDER).filter((file) => file.endsWith(".txt"));

test.each(FILES)("%s happens as it is written", (file) => {
  const path = join(FOLDER, file);
  const text = readFileSync(path, "utf8");
  const script = parseScript(text);
  const commands = new Commands();

  const traces = script.blocks.map((block) => commands.run(block.commands));

  const happened = formatScript(script, traces);
  if (IS_REWRITING && happened !== text) writeFileSync(path, happened);
  else expect(happened).toBe(text);
});

test("every script says in its head which rule it would catch the breach of", () => {
  const silent = FILES.filter((file) => {
    return !/^# (.*\n# )*Catches: /.test(readFileSync(join(FOLDER, file), "utf8"));
  });
  expect(silent).toEqual([]);
});
