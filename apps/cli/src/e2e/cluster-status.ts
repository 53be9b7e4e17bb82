// SPDX-License-Identifier: Apache-2.0
/** What the nodes of a cluster say of themselves, asked over the wire as an operator's program would. */

import { eventually } from "./processes.ts";

interface PartitionStatus {
  readonly partition: number;
  /** 0: the node that was asked knows none. */
  readonly leader: number;
  readonly appliedIndex: bigint;
  readonly lastIndex: bigint;
  readonly voters: readonly number[];
  readonly outgoing: readonly number[];
  readonly learners: readonly number[];
  readonly hasOldConfiguration: boolean;
}

interface MemberStatus {
  readonly node: number;
  readonly incarnation: number;
}

export interface NodeStatus {
  readonly node: number;
  readonly members: readonly MemberStatus[];
  readonly partitions: readonly PartitionStatus[];
}

/** Undefined when the node does not answer within seconds. */
export async function statusOf(url: string): Promise<NodeStatus | undefined> {
  try {
    const response = await fetch(`${url}/conclave.cluster.v1.ClusterService/Status`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
      signal: AbortSignal.timeout(5_000),
    });
    return response.ok ? nodeStatus((await response.json()) as Json) : undefined;
  } catch {
    return undefined;
  }
}

/** Resolves when by the word of all nodes exactly these vote in every partition, and no change is under way. */
export async function untilVoters(
  urls: readonly string[],
  voters: readonly number[],
): Promise<void> {
  let last: readonly (NodeStatus | undefined)[] = [];
  await eventually(
    `nodes ${voters} vote everywhere`,
    async () => {
      last = await Promise.all(urls.map((url) => statusOf(url)));
      return last.every((status) =>
        status?.partitions.every(
          (partition) =>
            `${partition.voters}` === `${voters}` &&
            partition.outgoing.length + partition.learners.length === 0,
        ),
      );
    },
    () => JSON.stringify(last, (_, value) => (typeof value === "bigint" ? `${value}` : value)),
  );
}

/** The node that leads most partitions. */
export async function busiestNode(url: string): Promise<number> {
  const led = new Map<number, number>();
  for (const { leader } of (await statusOf(url))?.partitions ?? []) {
    if (leader !== 0) led.set(leader, (led.get(leader) ?? 0) + 1);
  }
  const [busiest] = [...led].sort(([, a], [, b]) => b - a);
  if (busiest === undefined) throw new Error(`${url} knows no leader`);
  return busiest[0];
}

/** The JSON form of protobuf leaves out what is 0 or empty, and writes 64 bits as text. */
type Json = { readonly [field: string]: unknown };

function nodeStatus(json: Json): NodeStatus {
  return {
    node: Number(json["node"] ?? 0),
    members: listIn(json, "members").map((member) => ({
      node: Number(member["node"] ?? 0),
      incarnation: Number(member["incarnation"] ?? 0),
    })),
    partitions: listIn(json, "partitions").map((partition) => ({
      partition: Number(partition["partition"] ?? 0),
      leader: Number(partition["leader"] ?? 0),
      appliedIndex: BigInt(String(partition["appliedIndex"] ?? 0)),
      lastIndex: BigInt(String(partition["lastIndex"] ?? 0)),
      voters: numbersIn(partition, "voters"),
      outgoing: numbersIn(partition, "outgoing"),
      learners: numbersIn(partition, "learners"),
      hasOldConfiguration: partition["hasOldConfiguration"] === true,
    })),
  };
}

function listIn(json: Json, field: string): readonly Json[] {
  return (json[field] ?? []) as readonly Json[];
}

function numbersIn(json: Json, field: string): readonly number[] {
  return ((json[field] ?? []) as readonly unknown[]).map(Number);
}
