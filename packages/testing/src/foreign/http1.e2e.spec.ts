// SPDX-License-Identifier: Apache-2.0
// S3 on HTTP/1.1, in Connect and in gRPC-web, from plain fetch: what the original's tests assert, under
// sessions that were opened natively, at three real server processes.
import { describe, expect, test } from "vitest";
import { forceTransfers } from "./forced-transfers.ts";
import { openNativeSession } from "./native-calls.ts";
import { callInConnect, connectDialect, grpcWebDialect } from "./s3-over-http1.ts";
import { ELECTION_STEPS, play, script } from "./scenario.ts";
import { PARTITIONS, shareCluster } from "./shared-cluster.ts";

const cluster = shareCluster();

const DIALECTS = [connectDialect, grpcWebDialect];

describe.each(DIALECTS)("three clients of $name, each at a node of its own,", (dialect) => {
  test("see what the tests of its original assert", async () => {
    const primitive = `${dialect.name} in peace`;
    const { endpoints } = cluster();
    const between = () => Promise.resolve();

    expect(await play(ELECTION_STEPS, { dialect, primitive, endpoints, between })).toEqual(
      script(ELECTION_STEPS, dialect),
    );
  });

  test("see the same while the partition's leader changes between every two steps", async () => {
    const primitive = `${dialect.name} on the move`;
    const { endpoints } = cluster();
    const between = forceTransfers(cluster(), primitive, PARTITIONS);

    expect(await play(ELECTION_STEPS, { dialect, primitive, endpoints, between })).toEqual(
      script(ELECTION_STEPS, dialect),
    );
  });
});

test("a candidate without a session is told that it needs one; verbs and reads need none", async () => {
  const [endpoint] = cluster().endpoints as readonly [string];
  const id = { name: "without a session" };
  const enter = callInConnect(endpoint, "Enter", { id, candidate: "a" });

  await expect(enter).rejects.toMatchObject({ code: "failed_precondition" });
  await expect(enter).rejects.toThrow("session-id");
  await callInConnect(endpoint, "Enter", { id, candidate: "b" }, await openNativeSession(endpoint));
  expect(await callInConnect(endpoint, "GetTerm", { id })).toEqual({
    term: { term: "1", leader: "b" },
  });
  await callInConnect(endpoint, "Evict", { id, candidate: "b" });
  expect(await callInConnect(endpoint, "GetTerm", { id })).toEqual({ term: { term: "1" } });
});
