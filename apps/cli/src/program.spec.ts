// SPDX-License-Identifier: Apache-2.0
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { createColors } from "./output/colors.ts";
import { runProgram } from "./program.ts";

const COMMANDS = [
  "dev",
  "run",
  "campaign",
  "get",
  "ls",
  "watch",
  "anoint",
  "promote",
  "demote",
  "evict",
  "withdraw",
  "cluster status",
  "cluster add",
  "cluster remove",
  "cluster transfer",
  "session ls",
  "snapshot save",
  "snapshot verify",
  "snapshot restore",
];

test.each(COMMANDS)("the help of %s says what it does, and shows it", async (name) => {
  const { exitCode, stdout, stderr } = await conclave([...name.split(" "), "--help"]);

  expect(exitCode).toBe(0);
  expect(stdout).toMatch(new RegExp(`^Usage: conclave ${name}`));
  expect(stdout).toMatch(new RegExp(`conclave (${name}|evict) ?`));
  expect(stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
  expect(stderr).toBe("");
});

test("without a command it shows what there is", async () => {
  const { exitCode, stdout } = await conclave([]);

  expect(exitCode).toBe(0);
  for (const name of COMMANDS) expect(stdout).toContain(`  ${name.split(" ")[0]} `);
});

test.each([
  [["wacth", "x"], "unknown command 'wacth' (Did you mean watch?)"],
  [["run", "x", "--onec", "--", "a"], "unknown option '--onec' (Did you mean --once?)"],
  [["get"], "missing required argument 'name'"],
  [["get", "a", "b"], "too many arguments for 'get'"],
  [["get", "a", "-o", "yaml"], "Allowed choices are human, json"],
  [["run", "x"], "missing required argument 'command'"],
  [["run", "x", "--ttl", "5", "--", "a"], "a number with a unit, for instance 500ms"],
  [["run", "x", "--ttl", "499ms", "--", "a"], "It is 500ms to 24h"],
  [["campaign", "x", "--ttl", "25h"], "It is 500ms to 24h"],
  [["run", "x", "--ttl", "3s", "--drain", "2s", "--", "a"], "not below half of the TTL"],
  [["watch"], "Give the name of an election, or --prefix"],
  [["watch", "a", "--prefix", "b"], "Give the name of an election, or --prefix"],
  [["watch", "--prefix", "b", "--after", "4"], "--after is a revision of one election"],
  [["watch", "a", "--after", "x"], "It is a whole number"],
  [["evict", "a", "b", "--if-revision", "x"], "It is a whole number"],
  [["get", "a", "--endpoint", "nowhere"], '"nowhere" is no URL like http://127.0.0.1:7400'],
  [["cluster", "add", "4"], "It is N=HOST:PORT"],
  [["cluster", "remove", "0"], "It is 1 to 65535"],
  [["cluster", "transfer", "1", "--partition", "x"], "It is 1 to 65535"],
  [["cluster", "status", "--node", "0"], "It is 1 to 65535"],
  [["session", "ls", "--instance", "5"], "It is 16 hex digits"],
  [["session", "ls", "--partition", "x"], "It is 1 to 65535"],
  [["cluster", "stauts"], "unknown command 'stauts' (Did you mean status?)"],
  [["snapshot", "save"], "missing required argument 'file'"],
  [["snapshot", "restore", "f", "--data-dir", "d", "--node", "1"], "--cluster-token"],
  [["dev", "--nodes", "0"], "It is a whole number, 1 to 7"],
  [["dev", "--port", "x"], "It is a whole number, 1 to 65528"],
])("%j is one line on stderr and exits 2", async (argv, problem) => {
  const { exitCode, stdout, stderr } = await conclave(argv);

  expect(exitCode).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain(problem);
  expect(stderr.split("\n")).toHaveLength(1);
});

async function conclave(argv: readonly string[]) {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const exitCode = await runProgram(argv, {
    env: {},
    cwd: tmpdir(),
    print: (line) => stdout.push(line),
    say: (line) => stderr.push(line),
    colors: createColors(false),
    stops: { listen: () => () => {} },
    endpoints: [],
    exitCode: 0,
  });
  return { exitCode, stdout: stdout.join("\n"), stderr: stderr.join("\n") };
}
