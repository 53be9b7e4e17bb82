// SPDX-License-Identifier: Apache-2.0
/** S4 over nodes in memory: what its unmodified clients see (semantics 2.3, 2.5 C, 4.5). */

import { expect, test } from "vitest";
import { createMemoryNode } from "../replica/memory-node.ts";
import { refusalOf } from "./memory-client.ts";
import { LatchServer } from "./memory-latches.ts";

test("scenario C: three clients latch in turn, the first one leaves, and all see the next one lead", async () => {
  const memory = createMemoryNode(3);
  const server = new LatchServer(memory);
  const [l1, l2, l3] = [server.connect("l1"), server.connect("l2"), server.connect("l3")];
  for (const client of [l1, l2, l3]) await client.create();
  const watch = await l3.watch();
  expect(await l1.get()).toBe("0 - []");

  expect(await l1.latch()).toBe("1 l1 [l1]");
  expect(await l2.latch()).toBe("1 l1 [l1 l2]");
  expect(await l3.latch()).toBe("1 l1 [l1 l2 l3]");
  await l1.close();
  expect(await watch.events()).toEqual([
    "RESPONSE_STREAM NONE without a latch",
    "RESPONSE CHANGE 1 l1 [l1]",
    "RESPONSE CHANGE 1 l1 [l1 l2]",
    "RESPONSE CHANGE 1 l1 [l1 l2 l3]",
    "RESPONSE CHANGE 2 l2 [l2 l3]",
  ]);

  await l2.close();
  await l3.close();
  for (const client of [l1, l2]) await client.create();
  expect(await l1.get()).toBe("3 - []");
  await l1.close();
  await l1.delete();
  expect(await refusalOf(l2.delete())).toMatchObject({ code: "NotFound" });
  await l3.create();
  expect(await l3.get()).toBe("0 - []");
});
