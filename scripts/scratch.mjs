// SPDX-License-Identifier: Apache-2.0
/** A folder outside the workspace that lives as long as one piece of work. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Gives `work` an empty folder and removes it afterwards, however the work ends.
 *
 * @template T
 * @param {(folder: string) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withScratchFolder(work) {
  const folder = await mkdtemp(join(tmpdir(), "conclave-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
