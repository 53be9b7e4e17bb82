// SPDX-License-Identifier: Apache-2.0
/**
 * A wall clock of its own for a process, that a spec can put forward and back while it runs: libfaketime,
 * loaded before the C library. The monotonic clock and the time since boot go on as they do.
 */

import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needTool, type Tool } from "./needed-tools.ts";
import type { Running } from "./processes.ts";
import type { Scene } from "./server.ts";

export interface WallClock {
  /** Starts `conclave` with this clock; its children have it too. */
  conclave(args: readonly string[]): Running;
  /** Lets it differ from this machine's by so much; negative: behind. */
  setAhead(seconds: number): void;
}

/** Debian's name of this machine, which is a part of the path. */
const MACHINE = process.arch === "arm64" ? "aarch64" : "x86_64";
/** The one of two that programs with threads need. */
const PRELOADED = `/usr/lib/${MACHINE}-linux-gnu/faketime/libfaketimeMT.so.1`;

export const LIBFAKETIME: Tool = { debianPackage: "libfaketime", files: [PRELOADED] };

/** @param name of what has this clock, one of its own in the scene. */
export function createWallClock(scene: Scene, name: string): WallClock {
  needTool(LIBFAKETIME);
  const path = join(scene.folder, `clock-${name}`);
  const setAhead = (seconds: number): void => {
    // Renamed, since it may be read at any moment.
    writeFileSync(`${path}.new`, `${seconds < 0 ? "" : "+"}${seconds}\n`);
    renameSync(`${path}.new`, path);
  };
  setAhead(0);
  return {
    conclave(args) {
      const running = scene.processes.conclave(args, {
        LD_PRELOAD: PRELOADED,
        FAKETIME_TIMESTAMP_FILE: path,
        FAKETIME_NO_CACHE: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
        // The times of files stay the disk's.
        NO_FAKE_STAT: "1",
      });
      scene.onEnd(() => removeSharedMemory(running.pid));
      return running;
    },
    setAhead,
  };
}

/** What a process that was killed did not remove itself. */
function removeSharedMemory(pid: number): void {
  for (const name of [`faketime_shm_${pid}`, `sem.faketime_sem_${pid}`]) {
    rmSync(join("/dev/shm", name), { force: true });
  }
}
