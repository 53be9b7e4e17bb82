// SPDX-License-Identifier: Apache-2.0
// What the tests of the original clients assert, asked of three real server processes by clients on
// gRPC's own library that share nothing with the server. The processes run what is in dist.
import { describe, expect, test } from "vitest";
import { forceTransfers } from "./forced-transfers.ts";
import { s0Dialect } from "./s0-client.ts";
import { s1Dialect } from "./s1-client.ts";
import { s2Dialect } from "./s2-client.ts";
import { s3Dialect } from "./s3-client.ts";
import { s4Dialect } from "./s4-client.ts";
import { DELETE_STEPS, ELECTION_STEPS, LATCH_STEPS, play, script } from "./scenario.ts";
import { PARTITIONS, shareCluster } from "./shared-cluster.ts";

const cluster = shareCluster();

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
