// SPDX-License-Identifier: Apache-2.0
/** What a watch gives out, as messages: for the stream of one watch and for frames of many. */

import type { WatchResponse } from "@conclave/api";
import type { Change } from "@conclave/fsm";
import type { ClusterIdentity } from "../replica/election-node.ts";
import { estimateViewBytes } from "../replica/reads.ts";
import type { Watch, WatchEvent } from "../replica/watch.ts";
import { encodeResume } from "../wire/resume-token.ts";
import { changeOf, electionViewOf } from "../wire/views.ts";

/** An event and roughly how many bytes it takes on the wire. */
export interface WatchMessage {
  readonly message: WatchResponse;
  readonly bytes: number;
}

const CHANGE_BYTES = 256;
const NONE = new Uint8Array(0);

/** Takes messages of a watch until `push` wants no more. */
export function takeMessages(
  watch: Watch,
  cluster: ClusterIdentity,
  push: (message: WatchMessage) => boolean,
): void {
  watch.take((event, point) => {
    const resume = point === undefined ? NONE : encodeResume(cluster.clusterId, point);
    const message: WatchResponse = {
      $typeName: "conclave.v1.WatchResponse",
      event: messageOf(event),
      resume,
    };
    const bytes = "view" in event ? estimateViewBytes(event.view) : CHANGE_BYTES;
    return push({ message, bytes });
  });
}

function messageOf(event: WatchEvent): WatchResponse["event"] {
  switch (event.kind) {
    case "snapshot":
      return { case: "snapshot", value: electionViewOf(event.partition, event.view) };
    case "snapshot-end":
      return { case: "snapshotEnd", value: { $typeName: "conclave.v1.SnapshotEnd" } };
    case "base":
      return { case: "base", value: electionViewOf(event.partition, event.view) };
    case "change":
      return { case: "change", value: sharedChangeOf(event.partition, event.change) };
    case "gap": {
      const { partition, afterRevision, beforeRevision } = event;
      return {
        case: "gap",
        value: { $typeName: "conclave.v1.Gap", partition, afterRevision, beforeRevision },
      };
    }
    case "contact": {
      const quorum = event.hasQuorum;
      return { case: "contact", value: { $typeName: "conclave.v1.Contact", quorum } };
    }
    default: {
      const { partition, revision } = event;
      return {
        case: "progress",
        value: { $typeName: "conclave.v1.Progress", partition, revision },
      };
    }
  }
}

/** One change goes to all its watchers in a row: its message is made for the first of them. */
let lastChange: { readonly of: Change; readonly message: ReturnType<typeof changeOf> } | undefined;

function sharedChangeOf(partition: number, change: Change): ReturnType<typeof changeOf> {
  if (lastChange?.of !== change) lastChange = { of: change, message: changeOf(partition, change) };
  return lastChange.message;
}
