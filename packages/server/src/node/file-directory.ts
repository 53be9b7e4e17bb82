// SPDX-License-Identifier: Apache-2.0
/** The data directory of a node: a folder with the identity in it, and another inside for the log. */

import { join } from "node:path";
import type { Disk, DiskResult } from "@conclave/raft";
import type { DataDirectory } from "../member/data-directory.ts";
import { createFileDisk } from "./file-disk.ts";

const LOG_FOLDER = "log";

export function createFileDirectory(directory: string): DataDirectory {
  const root = createFileDisk(directory);
  return {
    root,
    log: () => createFileDisk(join(directory, LOG_FOLDER)),
    putLogAside: () => putLogAside(root),
  };
}

/** Under a name that says what it is. To a rename a folder is a name like any other. */
async function putLogAside(root: Disk): Promise<DiskResult<void>> {
  const names = await root.list();
  if (names.kind === "fault") return names;
  if (!names.value.includes(LOG_FOLDER)) return { kind: "ok", value: undefined };
  let number = 1;
  while (names.value.includes(`${LOG_FOLDER}-damaged-${number}`)) number++;
  const renamed = await root.rename(LOG_FOLDER, `${LOG_FOLDER}-damaged-${number}`);
  return renamed.kind === "fault" ? renamed : root.syncDirectory();
}
