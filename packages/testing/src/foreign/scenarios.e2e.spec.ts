// SPDX-License-Identifier: Apache-2.0
// What the tests of the original clients assert, asked of three real server processes by clients on
// gRPC's own library that share nothing with the server. The processes run what is in dist.
import { describe, expect, test } from "vitest";
import { homeAmong } from "./fnv-home.ts";
import { forceTransfers } from "./forced-transfers.ts";
import { GrpcChannel } from "./grpc-channel.ts";
import { s0Dialect, theDatabase } from "./s0-client.ts";
import { s1Dialect } from "./s1-client.ts";
import { s2Dialect } from "./s2-client.ts";
import { s3Dialect } from "./s3-client.ts";
import { s4Dialect } from "./s4-client.ts";
import { DELETE_STEPS, ELECTION_STEPS, LATCH_STEPS, play, script } from "./scenario.ts";
import { PARTITIONS, shareCluster } from "./shared-cluster.ts";

const cluster = shareCluster();

test("a client of S0 finds one database, all nodes at each partition, and the elections it created", async () => {
  const [endpoint] = cluster().endpoints as readonly [string];
  const ports = cluster().endpoints.map((one) => Number(new URL(one).port));
  const channel = new GrpcChannel(endpoint, "s0");
  const { id, partitions } = await theDatabase(channel);
  const client = await s0Dialect.open({ endpoint, primitive: "listed", candidate: "c1" });
  await client.create();
  const home = homeAmong([1, 2, 3], "listed");
  const list = async (type: string): Promise<readonly object[]> => {
    const request = { header: { partition: home }, namespace: id.namespace, type };
    const method = "atomix.metadata.MetadataService/GetPrimitives";
    return (await channel.call<{ primitives: readonly object[] }>(method, request)).primitives;
  };

  expect(id).toEqual({ name: "conclave", namespace: "default" });
  expect(partitions.map(({ partition_id }) => partition_id)).toEqual([1, 2, 3]);
  for (const { endpoints } of partitions) {
    expect(endpoints.map(({ port }) => port).sort()).toEqual([...ports].sort());
  }
  const name = { name: "listed", namespace: "default" };
  expect(await list("ELECTION")).toEqual([{ type: "ELECTION", name }]);
  expect(await list("UNKNOWN")).toEqual([{ type: "ELECTION", name }]);
  expect(await list("LEADER_LATCH")).toEqual([]);
  await client.delete();
  expect(await list("ELECTION")).toEqual([]);
  await client.quit();
  channel.close();
});

const CASES = [
  { dialect: s0Dialect, steps: [...ELECTION_STEPS, ...DELETE_STEPS] },
  { dialect: s1Dialect(PARTITIONS), steps: ELECTION_STEPS },
  { dialect: s2Dialect, steps: ELECTION_STEPS },
  { dialect: s3Dialect, steps: ELECTION_STEPS },
  { dialect: s4Dialect, steps: LATCH_STEPS },
].map((one) => ({ ...one, name: one.dialect.name }));

describe.each(CASES)("three clients of $name, each at a node of its own,", (one) => {
  const { dialect, steps } = one;

  test("see what the tests of its original assert", async () => {
    const primitive = `${dialect.name} in peace`;
    const { endpoints } = cluster();
    const between = () => Promise.resolve();

    expect(await play(steps, { dialect, primitive, endpoints, between })).toEqual(
      script(steps, dialect),
    );
  });

  test("see the same while the partition's leader changes between every two steps", async () => {
    const primitive = `${dialect.name} on the move`;
    const { endpoints } = cluster();
    const between = forceTransfers(cluster(), primitive, PARTITIONS);

    expect(await play(steps, { dialect, primitive, endpoints, between })).toEqual(
      script(steps, dialect),
    );
  });
});
