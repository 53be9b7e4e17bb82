// SPDX-License-Identifier: Apache-2.0
/** What a member takes up after a power cut. */

import { expect, test } from "vitest";
import { encodeConfiguration } from "../log/configuration.ts";
import { createMemoryDisk, type MemoryDisk } from "../memory/index.ts";
import { CONFIGURATION, saveSnapshot } from "../spec/save-snapshot.ts";
import type { LogRecord } from "../store/log-record.ts";
import { type LogStore, openStore } from "../store/log-store.ts";
import { recoveredOf } from "./recovered.ts";

test("a snapshot that was durable before the raftTerm it came in raises that, and no vote was given in it", async () => {
  const disk = createMemoryDisk();
  const store = await opened(disk);
  const voted = { raftTerm: 3, votedFor: 2 };
  await store.append([{ kind: "hard-state", group: 1, hardState: voted }]);
  expect(recoveredOf(store, 1, []).recovered.hardState).toEqual(voted);
  const begun = await store.beginSnapshot(1, {
    index: 9,
    raftTerm: 5,
    configuration: CONFIGURATION,
  });
  if (begun.kind !== "ok") throw new Error(begun.detail);
  await store.keepSnapshot(1, begun.value);
  await store.close();

  const { recovered } = recoveredOf(await opened(disk), 1, []);

  expect(recovered.hardState).toEqual({ raftTerm: 5, votedFor: undefined });
  expect(recovered.snapshot).toMatchObject({ index: 9, configuration: CONFIGURATION });
});

test("the members are those of the snapshot, then of each entry behind it that names them", async () => {
  const disk = createMemoryDisk();
  const store = await opened(disk);
  const later = { voters: [1, 2], outgoing: [1, 2, 3], learners: [] };
  await store.append([
    entry(1, "proposal", new Uint8Array(3)),
    entry(2, "configuration", encodeConfiguration(later)),
    entry(3, "noop", new Uint8Array(0)),
  ]);
  expect(recoveredOf(store, 1, [7]).recovered.snapshot.configuration.voters).toEqual([7]);
  await saveSnapshot(store, 1, { index: 1, raftTerm: 1 }, []);
  await store.close();

  const { recovered } = recoveredOf(await opened(disk), 1, [7]);

  expect(recovered.snapshot.configuration).toEqual(CONFIGURATION);
  expect([...recovered.entries].map(({ size, configuration }) => [size, configuration])).toEqual([
    [encodeConfiguration(later).length, later],
    [0, undefined],
  ]);
});

async function opened(disk: MemoryDisk): Promise<LogStore> {
  const clusterId = new Uint8Array(32).fill(7);
  const limits = { segmentBytes: 4096, recoveryCacheBytesMax: 1_000 };
  const outcome = await openStore({ disk, clusterId, ...limits });
  if (outcome.kind !== "opened") throw new Error(outcome.kind);
  return outcome.store;
}

function entry(
  index: number,
  type: "proposal" | "noop" | "configuration",
  bytes: Uint8Array,
): LogRecord {
  return { kind: "entry", group: 1, entry: { index, raftTerm: 1, type, bytes } };
}
