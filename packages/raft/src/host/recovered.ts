// SPDX-License-Identifier: Apache-2.0
/** What the store found of a group, as the algorithm takes it up. */

import { assert } from "@conclave/base";
import type { Recovered, RecoveredEntry } from "../core/state.ts";
import type { GroupId, ReplicaId } from "../ids.ts";
import { type Configuration, decodeConfiguration } from "../log/configuration.ts";
import type { HardState, LogEntry } from "../log/entry.ts";
import type { GroupLog } from "../store/group-log.ts";
import type { LogStore } from "../store/log-store.ts";

export interface FoundGroup {
  readonly recovered: Recovered;
  /** The first entries behind the snapshot, as many as were kept in memory. */
  readonly cached: readonly LogEntry[];
}

/** @param bootstrap the voters of a group of which there is no snapshot yet. */
export function recoveredOf(
  store: LogStore,
  group: GroupId,
  bootstrap: readonly ReplicaId[],
): FoundGroup {
  const log = store.log(group);
  const { index: baseIndex, raftTerm } = log.base;
  const kept = log.takeCached();
  const configurations = new Map(
    kept
      .filter(({ type }) => type === "configuration")
      .map(({ index, bytes }): [number, Configuration] => {
        const configuration = decodeConfiguration(bytes);
        assert(configuration !== undefined, "S2: a configuration is read back as it was written");
        return [index, configuration];
      }),
  );
  const entries: RecoveredEntry[] = [];
  for (let index = baseIndex + 1; index <= log.lastIndex; index++) {
    const configuration = configurations.get(index);
    entries.push({ raftTerm: log.raftTermAt(index), size: log.sizeAt(index), configuration });
  }
  const newest = store.newestSnapshot(group);
  const snapshot = {
    index: baseIndex,
    raftTerm,
    bytes: newest?.totalBytes ?? 0,
    configuration: newest?.head.configuration ?? { voters: bootstrap, outgoing: [], learners: [] },
  };
  const firstGap = kept.findIndex(({ index }, i) => index !== baseIndex + 1 + i);
  const cached = firstGap < 0 ? kept : kept.slice(0, firstGap);
  return { recovered: { hardState: hardStateOf(log), snapshot, entries }, cached };
}

/**
 * A leader's snapshot may be durable before the raftTerm in which it came. That is known by it then,
 * and nothing was promised in it: a vote is given only when it is durable.
 */
function hardStateOf({ hardState, base }: Pick<GroupLog, "hardState" | "base">): HardState {
  if (hardState.raftTerm >= base.raftTerm) return hardState;
  return { raftTerm: base.raftTerm, votedFor: undefined };
}
