// SPDX-License-Identifier: Apache-2.0
/** What an operator asks of a node by its cluster service, from within its process. */

import { create } from "@bufbuild/protobuf";
import { ClusterService } from "@conclave/api/cluster";
import { type ClientDoor, localContext } from "./client-door.ts";

/** Undefined where the node does not serve yet. */
export function transferLeadership(
  door: ClientDoor | undefined,
  partition: number,
  toNode: number,
): unknown {
  const { transferLeadership: ask } = serviceOf(door);
  const { input } = ClusterService.method.transferLeadership;
  return ask?.(create(input, { partition, toNode }), localContext(ClusterService));
}

/** Undefined where the node does not serve yet. */
export function removeMember(door: ClientDoor | undefined, node: number): unknown {
  const { removeMember: ask } = serviceOf(door);
  const { input } = ClusterService.method.removeMember;
  return ask?.(create(input, { node }), localContext(ClusterService));
}

/** The bytes of a whole backup. Rejects where the node refuses, or does not serve yet. */
export async function saveSnapshot(door: ClientDoor | undefined): Promise<Uint8Array> {
  const { saveSnapshot: ask } = serviceOf(door);
  if (ask === undefined) throw new Error("it does not serve yet");
  const { input } = ClusterService.method.saveSnapshot;
  const bytes: number[] = [];
  for await (const { chunk = [] } of ask(create(input, {}), localContext(ClusterService))) {
    for (const byte of chunk) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

function serviceOf(
  door: ClientDoor | undefined,
): ReturnType<typeof ClientDoor.prototype.service<typeof ClusterService>> {
  return door?.service(ClusterService) ?? {};
}
