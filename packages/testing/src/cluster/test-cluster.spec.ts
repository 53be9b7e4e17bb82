// SPDX-License-Identifier: Apache-2.0
// A cluster for users' tests: what each verb promises, seen by a client of it.
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { ElectionError } from "@conclave/client";
import { expect, test } from "vitest";
import { TestCluster } from "./test-cluster.ts";

test("three lines give a cluster in which a client leads", async () => {
  await using cluster = await TestCluster.start();
  const client = await cluster.connect();
  const fence = await client.election("orders").lead(async ({ fence }) => `${fence}`);

  expect(fence).toBe("orders#1");
});
