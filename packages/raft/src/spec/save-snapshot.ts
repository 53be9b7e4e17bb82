// SPDX-License-Identifier: Apache-2.0
/** A snapshot taken in one go, as specs of the store want it: kept, and the log forgotten behind it. */

import type { GroupId } from "../ids.ts";
import type { Configuration } from "../log/configuration.ts";
import type { DiskResult } from "../store/disk.ts";
import type { LogBase } from "../store/log-record.ts";
import type { LogStore } from "../store/log-store.ts";

export const CONFIGURATION: Configuration = { voters: [1, 2, 3], outgoing: [], learners: [4] };

export async function saveSnapshot(
  store: LogStore,
  group: GroupId,
  base: LogBase,
  chunks: readonly Uint8Array[],
): Promise<DiskResult<void>> {
  const begun = await store.beginSnapshot(group, { ...base, configuration: CONFIGURATION });
  if (begun.kind === "fault") return begun;
  for (const chunk of chunks) await begun.value.append(chunk);
  const kept = await store.keepSnapshot(group, begun.value);
  if (kept.kind === "ok") await store.compact(group, base.index);
  return kept;
}
