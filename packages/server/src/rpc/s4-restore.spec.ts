// SPDX-License-Identifier: Apache-2.0
/** S4's Restore as everybody else sees it, and the largest that one can send (semantics A4). */

import { LeaderElection, type Term } from "@conclave/api/s2";
import { LeaderLatchService } from "@conclave/api/s4";
import type { Client } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { createMemoryNode, type MemoryNode, settled } from "../replica/memory-node.ts";
import { MemoryConnection } from "./memory-connection.ts";
import { DialectServer, errorOf, StreamTail } from "./memory-dialects.ts";

interface Shared {
  readonly memory: MemoryNode;
  readonly watcher: Client<typeof LeaderElection>;
  /** Restores the latch that is the watcher's election: the revision, and who is in it. */
  restore(num: bigint, participants: readonly string[]): Promise<unknown>;
}

function shared(): Shared {
  const memory = createMemoryNode();
  const server = new DialectServer(memory, { s4: { kind: "election", namespace: "default" } });
  const connection = new MemoryConnection();
  const latches = server.client(LeaderLatchService, connection);
  const header = { clientId: "operator", primitiveId: { name: "test" } };
  return {
    memory,
    watcher: server.client(LeaderElection, connection, { "primitive-id": "test" }),
    restore: (num, participants) =>
      latches.restore({
        header,
        snapshot: {
          latch: {
            meta: { revision: { num } },
            leader: participants[0] ?? "",
            participants: [...participants],
          },
        },
      }),
  };
}

function shown(conclaveTerm: string | null, term: Term | undefined): string {
  const time = term?.timestamp?.timestamp;
  const since = time?.case === "physicalTimestamp" ? time.value.time : undefined;
  const ms = Number(since?.seconds) * 1_000 + Number(since?.nanos) / 1e6;
  return `${conclaveTerm} ${term?.leaderId} [${term?.candidates.join(" ")}] since ${ms}`;
}

test.each([
  ["of another leader", ["a", "b"], ["b", "a"]],
  ["of the same leader under a higher revision", ["a", "b"], ["a"]],
  ["that empties it", ["a"], []],
  ["of nobody where nobody ever led", [], []],
])("a watch shows a Restore %s as a read does", async (_, before, after) => {
  const { memory, watcher, restore } = shared();
  if (before.length > 0) await restore(3n, before);
  const tail = new StreamTail((signal) => watcher.events({}, { signal }));
  await settled();
  await memory.advance(1_000);

  await restore(9n, after);
  await settled();

  let number: string | null = null;
  const onHeader = (headers: Headers): void => {
    number = headers.get("conclave-term");
  };
  const { term } = await watcher.getTerm({}, { onHeader });
  const again = new StreamTail((signal) => watcher.events({}, { signal }));
  await settled();
  const seen = tail.messages.at(-1)?.event?.term;
  expect(shown(number, seen)).toBe(shown(number, term));
  expect(shown(number, again.messages[0]?.event?.term)).toBe(shown(number, term));
  expect(number).toBe(before[0] === after[0] || after.length === 0 ? "9" : "10");
});

test("a Restore of more participants than a list may have is INVALID_ARGUMENT before it goes anywhere", async () => {
  const { memory, restore } = shared();
  const { state } = memory.node.partition(1);
  const index = state.index;

  const names = Array.from({ length: 1_025 }, (_, i) => `p${i}`);
  expect(await errorOf(restore(9n, names))).toContain("InvalidArgument");

  expect(state.index).toBe(index);
  await restore(9n, names.slice(1));
  expect(memory.node.partition(1).state.elections.size).toBe(1);
});
