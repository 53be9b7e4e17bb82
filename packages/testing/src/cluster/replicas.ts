// SPDX-License-Identifier: Apache-2.0
/** Whether the nodes of a cluster hold the same state, by what they say of themselves (O7). */

import { eventually } from "./eventually.ts";

interface Replica {
  readonly partition: number;
  readonly appliedIndex: bigint;
  readonly stateHash: bigint;
}

interface Node {
  readonly node: number;
  readonly replicas: readonly Replica[];
}

const ANSWER_MS = 5_000;

/**
 * Resolves when all nodes have applied the same entries of every partition, and their states are equal.
 *
 * @param urls of the nodes themselves
 * @throws when two nodes have applied the same entries and their states differ: they never agree again.
 */
export async function untilReplicasAgree(urls: readonly string[]): Promise<void> {
  let last: readonly (Node | undefined)[] = [];
  await eventually(
    "the replicas agree",
    async () => {
      last = await Promise.all(urls.map(nodeAt));
      const known = last.filter((node) => node !== undefined);
      refuseDivergence(known);
      return known.length === urls.length && known.every((node) => isLevel(node, known[0]));
    },
    () => last.map(summaryOf).join("\n"),
  );
}

function refuseDivergence(nodes: readonly Node[]): void {
  const hashes = new Map<string, { readonly node: number; readonly hash: bigint }>();
  for (const { node, replicas } of nodes) {
    for (const { partition, appliedIndex, stateHash } of replicas) {
      const key = `partition ${partition} at index ${appliedIndex}`;
      const other = hashes.get(key);
      if (other !== undefined && other.hash !== stateHash) {
        throw new Error(`nodes ${other.node} and ${node} differ in ${key}`);
      }
      hashes.set(key, { node, hash: stateHash });
    }
  }
}

function isLevel({ replicas }: Node, other: Node | undefined): boolean {
  return (
    replicas.length === other?.replicas.length &&
    replicas.every(({ appliedIndex }, i) => appliedIndex === other.replicas[i]?.appliedIndex)
  );
}

function summaryOf(node: Node | undefined): string {
  if (node === undefined) return "no answer";
  const indexes = node.replicas.map(({ appliedIndex }) => `${appliedIndex}`);
  return `node ${node.node} has applied ${indexes.join(" ")}`;
}

/** Undefined when it does not answer within seconds. */
async function nodeAt(url: string): Promise<Node | undefined> {
  try {
    const response = await fetch(`${url}/conclave.cluster.v1.ClusterService/Status`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ includeHash: true }),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return response.ok ? nodeOf((await response.json()) as Json) : undefined;
  } catch {
    return undefined;
  }
}

/** The JSON form of protobuf leaves out what is 0 or empty, and writes 64 bits as text. */
type Json = { readonly [field: string]: unknown };

function nodeOf(json: Json): Node {
  const partitions = (json["partitions"] ?? []) as readonly Json[];
  return {
    node: Number(json["node"] ?? 0),
    replicas: partitions.map((partition) => ({
      partition: Number(partition["partition"] ?? 0),
      appliedIndex: BigInt(String(partition["appliedIndex"] ?? 0)),
      stateHash: BigInt(String(partition["stateHash"] ?? 0)),
    })),
  };
}
