// SPDX-License-Identifier: Apache-2.0
/** The tables of docs/testing.md name tests and mutants that exist: a table that ages is worse than none. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const DOC = new URL("../../../docs/testing.md", import.meta.url);
const ROOT = new URL("../../../", import.meta.url);
const MUTANTS = new URL("../mutants/", import.meta.url);
const doc = readFileSync(DOC, "utf8");

test("every test that a table quotes stands in the file that it links to", () => {
  const quoted = [...doc.matchAll(/\]\(([^)]+\.spec\.ts)\): "([^"]+)"/g)];

  const missing = quoted.filter(([, path = "", title = ""]) => {
    return !readFileSync(new URL(path, DOC), "utf8").includes(title);
  });

  expect(quoted.length).toBeGreaterThan(60);
  expect(missing.map(([text]) => text)).toEqual([]);
});

test("the table of mutants has each patch once, in their order, with what its head says", () => {
  const rows = [...doc.matchAll(/^\| \[(\d{3}-[^\]]+)\]\([^)]+\) \| (.+?) \| (.+?) \|/gm)];

  const patches = readdirSync(MUTANTS).filter((name) => name.endsWith(".patch"));
  const heads = patches.sort().map((file) => {
    const head = readFileSync(new URL(file, MUTANTS), "utf8");
    const [, bug, expected] = /^(.+)\nexpected: (.+)\n/.exec(head) ?? [];
    return [file.replace(".patch", ""), bug, expected];
  });
  expect(rows.map(([, name, bug, expected]) => [name, bug, expected])).toEqual(heads);
});

test("every mutant that shows a schedule is in the table of mutants, and names a spec that there is", () => {
  const schedules = /## Schedules\n(.*?)\n## /s.exec(doc)?.[1] ?? "";
  const columns = [...schedules.matchAll(/^\| [A-P] \|.*\| ([^|]+) \|$/gm)].map(
    ([, last]) => last!,
  );
  const named = columns
    .filter((column) => !column.startsWith("none"))
    .flatMap((column) => column.split(", "));

  const files = named.map((name) => [name, new RegExp(`\\[(\\d{3}-${name})\\]`).exec(doc)?.[1]]);
  const specs = files.map(([name, file]) => {
    const head = file === undefined ? "" : readFileSync(new URL(`${file}.patch`, MUTANTS), "utf8");
    return [name, /^spec: (.+)$/m.exec(head)?.[1]];
  });

  expect(columns.length).toBe(16);
  expect(
    specs.filter(([, spec]) => spec === undefined || !existsSync(new URL(spec, ROOT))),
  ).toEqual([]);
});
