// SPDX-License-Identifier: Apache-2.0
/**
 * Asks the questions that are named on the command line, or all, each in a process of its own, so that
 * what one leaves behind in memory is not measured with the next.
 *
 * `--quick` asks them small, `--nodes N` on clusters of N servers instead of 3, `--write` also puts the
 * answers into the README.
 */

import { spawn, spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Setting, tableOf } from "./answer.ts";
import { QUESTIONS } from "./questions.ts";

const README = new URL("../README.md", import.meta.url);
const BEGIN = "<!-- answers -->\n";
const END = "<!-- end of answers -->\n";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    nodes: { type: "string", default: "3" },
    write: { type: "boolean", default: false },
    /** How this program calls itself. */
    here: { type: "boolean", default: false },
  },
});
const setting: Setting = {
  nodes: Number(values.nodes),
  rounds: values.quick ? 2 : 7,
  roundMs: values.quick ? 300 : 2_000,
  isQuick: values.quick,
};
const unknown = positionals.filter((name) => !QUESTIONS.some((question) => question.name === name));
if (unknown.length > 0 || !Number.isInteger(setting.nodes) || setting.nodes < 1) {
  console.error(`usage: bench [--quick] [--nodes N] [--write] [QUESTION...]\nquestions:`);
  for (const { name } of QUESTIONS) console.error(`  ${name}`);
  process.exit(2);
}
const wanted = QUESTIONS.filter(
  ({ name }) => positionals.length === 0 || positionals.includes(name),
);
if (values.here) {
  for (const { ask } of wanted) {
    for (const answer of await ask(setting)) console.log(tableOf(answer));
  }
  // A question that left a timer or a socket behind must not keep the others waiting.
  process.exit(0);
}
const machine = [
  `Commit ${commit()}, ${new Date().toISOString().slice(0, 10)}`,
  `Node ${process.version}, ${cpus().length} cores, ${cpus()[0]?.model ?? "unknown CPU"}`,
].join("\n");
console.log(`${machine}\n`);
let answers = "";
let worst = 0;
for (const { name } of wanted) {
  const { code, printed } = await askApart(name);
  answers += printed;
  worst = Math.max(worst, code);
}
if (values.write) await writeAnswers(`${machine}\n\n${answers}`);
process.exitCode = worst;

/** With a mark where the tree has changes that are in no commit. */
function commit(): string {
  const { stdout, status } = spawnSync("git", ["describe", "--always", "--dirty"], {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim() : "unknown";
}

function askApart(name: string): Promise<{ readonly code: number; readonly printed: string }> {
  const options = [
    "--here",
    "--nodes",
    `${setting.nodes}`,
    ...(setting.isQuick ? ["--quick"] : []),
  ];
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...options, name], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.on("data", (chunk) => {
    process.stdout.write(chunk);
    printed += String(chunk);
  });
  return new Promise((resolve) => {
    child.once("close", (code) => resolve({ code: code ?? 1, printed }));
  });
}

async function writeAnswers(text: string): Promise<void> {
  const before = await readFile(README, "utf8");
  const from = before.indexOf(BEGIN) + BEGIN.length;
  const to = before.indexOf(END);
  if (to < from) throw new Error(`the README has no ${BEGIN.trim()} and ${END.trim()}`);
  await writeFile(
    README,
    `${before.slice(0, from)}\n\`\`\`\n${text.trimEnd()}\n\`\`\`\n${before.slice(to)}`,
  );
}
