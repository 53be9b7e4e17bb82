// SPDX-License-Identifier: Apache-2.0
/** A durable server as a process of its own, on a port and in a folder of its own. */

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface ServerProcess {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startServer(): Promise<ServerProcess> {
  const dataDir = await mkdtemp(join(tmpdir(), "conclave-bench-"));
  const command = fileURLToPath(
    new URL("bin/conclave.js", import.meta.resolve("@conclave/cli/package.json")),
  );
  const child = spawn(
    process.execPath,
    [command, "server", "--node", "1", "--listen", "127.0.0.1:0", "--data-dir", dataDir],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    let printed = "";
    child.stdout.on("data", (chunk) => {
      printed += String(chunk);
      const ready = /ready on (\S+)\n/.exec(printed);
      if (ready?.[1] !== undefined) resolve(ready[1]);
    });
    child.once("exit", (code) => reject(new Error(`the server exited with ${code}`)));
  });
  return {
    url,
    async stop() {
      child.kill("SIGTERM");
      await exited;
      await rm(dataDir, { recursive: true });
    },
  };
}
