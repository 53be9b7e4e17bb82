// SPDX-License-Identifier: Apache-2.0
/** Drives the scripts as processes: what a shell sees of them is what is promised. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { ROOT } from "./root.mjs";

/** @param {readonly string[]} args */
function nodeOnce(args) {
  return spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" });
}

describe("scripts/dev.mjs", () => {
  it.each([
    ["18.20.4", 1],
    ["20.18.3", 1],
    ["20.19.0", 2],
    ["22.0.0", 2],
  ])("takes Node %s for what it is", (version, code) => {
    const pretend = `Object.defineProperty(process, "versions", { value: { node: "${version}" } })`;

    const ended = nodeOnce(["--import", `data:text/javascript,${pretend}`, "scripts/dev.mjs"]);

    const sentence = `Conclave needs Node 20.19 or newer; this is ${version}.\n`;
    const usage =
      "usage: node scripts/dev.mjs start|test|verify|fix|generate|golden|bench|sim|chaos\n";
    expect(ended.stderr).toBe(code === 1 ? sentence : usage);
    expect(ended.status).toBe(code);
  });
});

describe("a child", () => {
  const child = `
    let count = 0;
    process.on("SIGTERM", () => {
      count += 1;
      console.log("told " + count);
      setImmediate(() => process.exit(7));
    });
    console.log("begun");
    setInterval(() => {}, 1000);
  `;
  const parent = `
    import { run, runCaptured } from "./scripts/child.mjs";
    const code = await run(process.execPath, ["-e", ${JSON.stringify(child)}], process.env);
    const { output } = await runCaptured(process.execPath, ["-p", "'started'"], process.env);
    console.log(code + " " + output);
  `;

  it("is told of a signal, waited for, and followed by nothing", async () => {
    const script = spawn(process.execPath, ["--input-type=module", "-e", parent], { cwd: ROOT });
    const lines = [];
    const closed = once(script, "close");

    for await (const line of createInterface({ input: script.stdout })) {
      lines.push(line);
      if (line === "begun") script.kill("SIGTERM");
    }
    await closed;

    expect(lines).toEqual(["begun", "told 1", "7 stopped by SIGTERM"]);
  });

  it("gives its code, and 128 and more where a signal ended it", () => {
    const codeOf = (/** @type {string} */ program) => {
      const text = `
        import { run } from "./scripts/child.mjs";
        process.exitCode = await run(process.execPath, ["-e", "${program}"], process.env);
      `;
      return nodeOnce(["--input-type=module", "-e", text]).status;
    };

    expect(codeOf("process.exitCode = 5")).toBe(5);
    expect(codeOf("process.kill(process.pid, 'SIGKILL')")).toBe(137);
  });
});
