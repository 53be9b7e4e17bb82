// SPDX-License-Identifier: Apache-2.0
/** A memory node of two partitions with a client, and candidates whose sessions open by themselves. */

import type { CommandResult } from "@conclave/api";
import { createMemoryNode, type MemoryNode } from "../replica/memory-node.ts";
import { createMemoryClient, type MemoryClient } from "./memory-client.ts";

export const election = { name: "e" };

export interface World extends MemoryNode {
  readonly client: MemoryClient;
  /** Enters under a session, which is opened when it is first named. */
  enter(candidate: string, sessionId: bigint, more?: object): Promise<CommandResult>;
}

export async function createWorld(): Promise<World> {
  const memory = createMemoryNode(2);
  const client = createMemoryClient(memory.node);
  const opened = new Set<bigint>();
  let number = 0n;
  return {
    ...memory,
    client,
    async enter(candidate, sessionId, more = {}) {
      if (!opened.has(sessionId)) await client.sessions.openSession({ sessionId });
      opened.add(sessionId);
      const command = { sessionId, number: ++number };
      const { result } = await client.elections.enter({ election, command, candidate, ...more });
      return result!;
    },
  };
}

export async function queueOf({ client }: World): Promise<string[]> {
  const { view } = await client.elections.get({ election });
  const all = view?.leader === undefined ? [] : [view.leader, ...(view?.queue ?? [])];
  return all.map(({ name }) => name);
}
