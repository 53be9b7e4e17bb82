// SPDX-License-Identifier: Apache-2.0
/** Backups in the machine's files: looking into one, and making a node's data directory from one. */

import { createReadStream } from "node:fs";
import {
  type DirectoryRestored,
  type RestoredNode,
  restoreInto,
} from "../member/restored-directory.ts";
import { checkBackup, type SoundBackup } from "../replica/backup.ts";
import type { BackupFault } from "../replica/backup-format.ts";
import { createFileDirectory } from "./file-directory.ts";
import { systemChance } from "./system-clock.ts";

/** `unreadable`: the file is not there, or the system keeps it from us. */
export type BackupRefusal = BackupFault | { readonly kind: "unreadable"; readonly detail: string };

export interface RestoreOptions extends RestoredNode {
  readonly file: string;
  readonly dataDirectory: string;
}

export type RestoreOutcome = DirectoryRestored | BackupRefusal;

/** Reads a whole backup, every state in it too, and says what it holds. */
export async function verifyBackup(file: string): Promise<SoundBackup | BackupRefusal> {
  try {
    return await checkBackup(createReadStream(file));
  } catch (error) {
    return unreadable(error);
  }
}

/** Makes the directory, or leaves it as it was where it must not be made. */
export async function restoreDirectory(options: RestoreOptions): Promise<RestoreOutcome> {
  const { file, dataDirectory } = options;
  const directory = createFileDirectory(dataDirectory);
  try {
    return await restoreInto(
      directory,
      options,
      () => createReadStream(file),
      systemChance.nonce(),
    );
  } catch (error) {
    return unreadable(error);
  }
}

function unreadable(error: unknown): BackupRefusal {
  const { code, message } = error as NodeJS.ErrnoException;
  // Anything that is not the system's answer is a bug and goes on up.
  if (code === undefined) throw error;
  return { kind: "unreadable", detail: message };
}
