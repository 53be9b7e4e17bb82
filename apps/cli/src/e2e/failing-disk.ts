// SPDX-License-Identifier: Apache-2.0
/**
 * A disk that refuses what a server asks of it with EIO: libfiu, loaded before the C library, answers
 * in its place. What it refuses is not done, and what was written before stays as it is.
 */

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { needTool, type Tool } from "./needed-tools.ts";
import type { Running } from "./processes.ts";
import type { Scene } from "./server.ts";

/** `pwrite` is every write to a place in a file, and never one to a socket or to standard error. */
type DiskCall = "pwrite" | "fdatasync" | "fsync";

export interface FailingDisk {
  /** Starts `conclave` on this disk, as it is by then. */
  conclave(args: readonly string[]): Running;
  /** From now on, for this process and those that are started later, until it is repaired. */
  fail(calls: readonly DiskCall[]): void;
  /** The next one of the process that was started last. */
  failOnce(call: DiskCall): void;
  /** For processes that are started later, as a disk that was replaced. */
  repair(): void;
}

const PRELOADED = ["/usr/lib/fiu/fiu_run_preload.so", "/usr/lib/fiu/fiu_posix_preload.so"];
const CONTROL = "/usr/bin/fiu-ctrl";

export const LIBFIU: Tool = { debianPackage: "fiu-utils", files: [...PRELOADED, CONTROL] };

const POINTS: Readonly<Record<DiskCall, string>> = {
  pwrite: "posix/io/rw/pwrite",
  fdatasync: "posix/io/sync/fdatasync",
  fsync: "posix/io/sync/fsync",
};
const EIO = 5;
/** The pipe of a process that has ended would be waited for forever. */
const CONTROL_MS_MAX = 10_000;

/** @param name of what has this disk, one of its own in the scene. */
export function createFailingDisk(scene: Scene, name: string): FailingDisk {
  needTool(LIBFIU);
  const pipes = join(scene.folder, `fiu-${name}`);
  let failing: readonly string[] = [];
  let running: Running | undefined;
  const tell = (commands: readonly string[]): void => {
    if (running === undefined) throw new Error(`${name} was never started`);
    const told = commands.flatMap((command) => ["-c", command]);
    const { status, stderr, error } = spawnSync(CONTROL, ["-f", pipes, ...told, `${running.pid}`], {
      timeout: CONTROL_MS_MAX,
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`${CONTROL} for ${name}: ${error ?? stderr}`);
  };
  return {
    conclave(args) {
      running = scene.processes.conclave(args, {
        LD_PRELOAD: PRELOADED.join(":"),
        FIU_CTRL_FIFO: pipes,
        FIU_ENABLE: failing.join("\n"),
        // Or a later Node could ask the kernel without the C library.
        UV_USE_IO_URING: "0",
      });
      return running;
    },
    fail(calls) {
      failing = calls.map((call) => `enable name=${POINTS[call]},failinfo=${EIO}`);
      tell(failing);
    },
    failOnce: (call) => tell([`enable name=${POINTS[call]},failinfo=${EIO},onetime`]),
    repair() {
      failing = [];
    },
  };
}
