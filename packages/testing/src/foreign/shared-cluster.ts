// SPDX-License-Identifier: Apache-2.0
/** Three server processes for all the tests of a file: they take longer to start than most tests. */

import { afterAll, beforeAll, expect } from "vitest";
import { TestCluster, type TestClusterOptions } from "../cluster/test-cluster.ts";

/** As many as the originals' own tests have. */
export const PARTITIONS = 3;

const START_MS = 60_000;

/**
 * Registers hooks that start it, and at the end judge it: no node has ended, and all hold equal states.
 *
 * @returns what gives it to a test; there is none before
 */
export function shareCluster(options: TestClusterOptions = {}): () => TestCluster {
  let cluster: TestCluster | undefined;
  beforeAll(async () => {
    cluster = await TestCluster.start({ processes: true, partitions: PARTITIONS, ...options });
  }, START_MS);
  afterAll(async () => {
    if (cluster === undefined) return;
    await cluster.agreed();
    await cluster[Symbol.asyncDispose]();
    expect(cluster.failures).toEqual([]);
  }, START_MS);
  return () => {
    if (cluster === undefined) throw new Error("the cluster has not started");
    return cluster;
  };
}
