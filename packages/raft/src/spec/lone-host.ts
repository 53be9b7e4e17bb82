// SPDX-License-Identifier: Apache-2.0
/** A host of one replica on virtual time and a disk that does as it is told, for specs. */

import { createManualClock, createPrng, LoopWatch, type ManualClock } from "@conclave/base";
import { expect } from "vitest";
import type { Group, GroupListener, HostFailure, Role } from "../group.ts";
import type { HostLimits } from "../host/limits.ts";
import { createHost, type Host } from "../host.ts";
import type { MemoryDisk } from "../memory/index.ts";

interface Member {
  readonly group: Group;
  readonly log: string[];
  readonly roles: Role[];
  readonly failures: HostFailure[];
  restoredAt: number;
}

export interface Node {
  readonly host: Host;
  readonly clock: ManualClock;
  /** Not started: a lone replica needs no beat to lead. */
  readonly loop: LoopWatch;
  readonly members: readonly Member[];
}

export function newHost(
  disk: MemoryDisk,
  groups: number,
  limits: Partial<HostLimits> = {},
  synced: (records: number) => void = () => {},
  clock: ManualClock = createManualClock(),
): Node {
  const clusterId = new Uint8Array(32).fill(9);
  const prng = createPrng(5n);
  const observer = { synced: (sync: { readonly records: number }) => synced(sync.records) };
  const loop = new LoopWatch(clock);
  const identity = { replica: 1, bootstrap: [1], transport: { send: () => {} } };
  const host = createHost({ ...identity, clusterId, disk, clock, prng, loop, limits, observer });
  const members = Array.from({ length: groups }, (_, i) => join(host, i + 1));
  return { host, clock, loop, members };
}

/** A started host, its elections over. */
export async function started(...parameters: Parameters<typeof newHost>): Promise<Node> {
  const node = newHost(...parameters);
  const starting = node.host.start();
  let isStarted = false;
  void starting.then(() => {
    isStarted = true;
  });
  while (!isStarted) await advance(node.clock, 1_000);
  expect(await starting).toEqual({ kind: "started" });
  await advance(node.clock, 30_000);
  return node;
}

/** A state machine that is the list of what was committed; its snapshot is that list. */
function join(host: Host, id: number): Member {
  const log: string[] = [];
  const roles: Role[] = [];
  const failures: HostFailure[] = [];
  const text = new TextDecoder();
  const listener: GroupListener = {
    committed: (entries) => log.push(...entries.map(({ bytes }) => text.decode(bytes))),
    restored: (snapshot) => {
      member.restoredAt = snapshot.index;
      log.splice(0, log.length, ...(JSON.parse(text.decode(snapshot.bytes)) as string[]));
    },
    roleChanged: (role) => roles.push(role),
    snapshot: () => [bytesOf(JSON.stringify(log))],
    failed: (failure) => failures.push(failure),
  };
  const group = host.openGroup(id, listener);
  const member: Member = { group, log, roles, failures, restoredAt: 0 };
  return member;
}

/** Lets everything that needs no time run to its end. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve();
}

export async function advance(clock: ManualClock, ms: number): Promise<void> {
  await settle();
  for (let i = 0; i < 10; i++) {
    clock.advance(ms / 10);
    await settle();
  }
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
