// SPDX-License-Identifier: Apache-2.0
/**
 * A note in the data directory of who it was made for, so that a refusal can say what differs.
 *
 * The log's own files hold the cluster's id and decide; this one only explains. One that is missing
 * or cannot be read is therefore not a fault, and is written again once the log has been opened.
 */

import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

export interface NodeIdentity {
  readonly node: number;
  readonly partitionCount: number;
  /** In hex. */
  readonly clusterId: string;
}

const FILE = "identity.json";

/** What differs between the note in `directory` and `wanted`, for people; undefined: nothing known. */
export async function differenceOf(
  directory: string,
  wanted: NodeIdentity,
): Promise<string | undefined> {
  const found = await read(directory);
  if (found === undefined) return undefined;
  if (found.node !== wanted.node) return `it belongs to node ${found.node}, not ${wanted.node}`;
  if (found.partitionCount !== wanted.partitionCount) {
    const { partitionCount } = found;
    return `it was made with ${partitionCount} partitions, not ${wanted.partitionCount}; their number is fixed at the first start`;
  }
  if (found.clusterId !== wanted.clusterId) return "it was made with another cluster token";
  return undefined;
}

/** Leaves the note, durably. Failing is harmless: the next start tries again. */
export async function writeIdentity(directory: string, identity: NodeIdentity): Promise<void> {
  const known = await read(directory);
  if (known !== undefined) return;
  try {
    const file = await open(join(directory, `${FILE}.new`), "w");
    try {
      await file.writeFile(`${JSON.stringify(identity, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(join(directory, `${FILE}.new`), join(directory, FILE));
  } catch {
    // A full disk must not keep a node from starting that can still serve reads.
  }
}

async function read(directory: string): Promise<NodeIdentity | undefined> {
  try {
    const found: unknown = JSON.parse(await readFile(join(directory, FILE), "utf8"));
    return isIdentity(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

function isIdentity(value: unknown): value is NodeIdentity {
  if (typeof value !== "object" || value === null) return false;
  const { node, partitionCount, clusterId } = value as Record<string, unknown>;
  return (
    typeof node === "number" && typeof partitionCount === "number" && typeof clusterId === "string"
  );
}
