// SPDX-License-Identifier: Apache-2.0
/**
 * A disk of its own for a data directory, that a spec can fill and free: a file system in memory, inside
 * a namespace where a user without privileges may mount one.
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, type Running } from "./processes.ts";
import type { Scene } from "./server.ts";

export interface SmallDisk {
  /** Starts `conclave` where the disk can be seen. */
  conclave(args: readonly string[]): Running;
  /** Takes all room that is left. */
  fill(): void;
  free(): void;
}

/** Containers and hardened kernels often forbid it; a spec that needs it is skipped there. */
export function canMount(): boolean {
  const { status } = spawnSync("unshare", ["-rm", "sh", "-c", "mount -t tmpfs tmpfs /tmp"]);
  return status === 0;
}

/** Lasts until the scene ends, whichever of its processes do before. */
export async function createSmallDisk(
  scene: Scene,
  directory: string,
  megabytes: number,
): Promise<SmallDisk> {
  mkdirSync(directory, { recursive: true });
  const mount = `mount -t tmpfs -o size=${megabytes}m tmpfs "$1" && echo mounted && exec cat`;
  const holder = scene.processes.run("unshare", ["-rm", "sh", "-c", mount, "sh", directory]);
  await eventually("it is mounted", () => holder.stdout() === "mounted\n", holder.stderr);
  const enter = ["-t", `${holder.pid}`, "-U", "-m", "--preserve-credentials"];
  const filler = join(`/proc/${holder.pid}/root`, directory, "filler");
  return {
    conclave: (args) => scene.processes.conclaveBy("nsenter", enter, args),
    fill() {
      const block = new Uint8Array(64 * 1024);
      for (;;) {
        try {
          writeFileSync(filler, block, { flag: "a" });
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
          return;
        }
      }
    },
    free: () => rmSync(filler),
  };
}
