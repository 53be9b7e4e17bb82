// SPDX-License-Identifier: Apache-2.0
/** A real server for end-to-end specs, on a port of its own choice and on data that outlives it. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createProcesses, eventually, type Processes, type Running } from "./processes.ts";

export interface Server {
  readonly process: Running;
  readonly url: string;
}

/** A scratch directory with the processes that work in it; both end with the scope. */
export interface Scene extends AsyncDisposable {
  readonly folder: string;
  readonly processes: Processes;
  /** Does this too when the scene ends, after its processes have. */
  onEnd(undo: () => void): void;
}

export function createScene(): Scene {
  const folder = mkdtempSync(join(tmpdir(), "conclave-cli-"));
  const processes = createProcesses(folder);
  const undos: (() => void)[] = [];
  return {
    folder,
    processes,
    onEnd: (undo) => undos.push(undo),
    async [Symbol.asyncDispose]() {
      await processes[Symbol.asyncDispose]();
      for (const undo of undos) undo();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts a server on the scene's data, or starts it again at the address that it had. */
export async function startServer(scene: Scene, before?: Server): Promise<Server> {
  const listen = before === undefined ? "127.0.0.1:0" : new URL(before.url).host;
  const dataDir = join(scene.folder, "data");
  const process = scene.processes.conclave([
    "server",
    ...["--node", "1", "--listen", listen, "--data-dir", dataDir],
  ]);
  const url = await eventually(
    "the server is ready",
    () => /^conclave: node 1 ready on (\S+)$/m.exec(process.stdout())?.[1],
    process.stderr,
  );
  return { process, url };
}
