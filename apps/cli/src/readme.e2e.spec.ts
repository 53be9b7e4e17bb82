// SPDX-License-Identifier: Apache-2.0
// The README's code, run word for word as a program of its own against a real server.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const cliFolder = fileURLToPath(new URL("..", import.meta.url));
const readme = fileURLToPath(new URL("../../../README.md", import.meta.url));

test("the README's ten lines lead an election and print their fence", async () => {
  const code = /```ts\n([\s\S]*?)```/.exec(await readFile(readme, "utf8"))?.[1];
  expect(code).toBeDefined();
  const dataDir = await mkdtemp(join(tmpdir(), "conclave-readme-"));
  const server = spawn(
    process.execPath,
    ["bin/conclave.js", "server", "--node", "1", "--listen", "127.0.0.1:0", "--data-dir", dataDir],
    { cwd: cliFolder, stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    const ready = await firstLine(server.stdout);
    const url = /ready on (\S+)/.exec(ready)?.[1];
    expect(url).toBeDefined();

    const printed = await runModule(code!.replace("http://127.0.0.1:7400", url!));

    expect(printed).toBe("leading as orders#1\n");
  } finally {
    const exited = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGTERM");
    await exited;
    await rm(dataDir, { recursive: true });
  }
});

function firstLine(stream: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    stream.on("data", (chunk) => {
      text += String(chunk);
      if (text.includes("\n")) resolve(text);
    });
    stream.on("end", () => reject(new Error(`the server ended after: ${text}`)));
  });
}

/** Runs the code as a module whose imports resolve as a dependent of this package would see them. */
function runModule(code: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--input-type=module", "-"], {
      cwd: cliFolder,
      stdio: ["pipe", "pipe", "inherit"],
    });
    let printed = "";
    child.stdout.on("data", (chunk) => {
      printed += String(chunk);
    });
    child.once("exit", (status) =>
      status === 0 ? resolve(printed) : reject(new Error(`the README's code exited ${status}`)),
    );
    child.stdin.end(code);
  });
}
