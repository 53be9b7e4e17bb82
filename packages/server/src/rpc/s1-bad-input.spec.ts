// SPDX-License-Identifier: Apache-2.0
/** What clients of S1 may send wrong: how each is refused, and that it changes nothing. */

import { stateHash } from "@conclave/fsm";
import { ConnectError } from "@connectrpc/connect";
import { afterEach, describe, expect, test } from "vitest";
import { createMemoryNode, type MemoryNode, settled } from "../replica/memory-node.ts";
import { openS1, S1Client } from "./memory-s1.ts";

/** Of `e` among three partitions. */
const HOME = 3;

interface World {
  readonly memory: MemoryNode;
  readonly one: S1Client;
}

async function leading(): Promise<World> {
  const memory = createMemoryNode(3);
  const one = await S1Client.open(openS1(memory), HOME);
  await one.create();
  await one.ask("enter", "a");
  return { memory, one };
}

const worlds: MemoryNode[] = [];

async function world(): Promise<World> {
  const made = await leading();
  worlds.push(made.memory);
  return made;
}

afterEach(() => {
  for (const { failures } of worlds.splice(0)) expect(failures).toEqual([]);
});

/** The code of what a call is refused with. */
async function codeOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => "served",
    (thrown: unknown) => ConnectError.from(thrown).message,
  );
}

describe("headers that are missing are INVALID_ARGUMENT", () => {
  test("of a session's own calls", async () => {
    const { sessions } = (await world()).one.door;
    for (const call of [
      sessions.openSession({}),
      sessions.keepAlive({ input: { sessionId: 1n } }),
      sessions.closeSession({ input: { sessionId: 1n } }),
    ]) {
      expect(await codeOf(call)).toContain("[invalid_argument] headers of the partition");
    }
  });

  test("at every depth of a command's and a query's", async () => {
    const { elections, primitives } = (await world()).one.door;
    const nested = [
      {},
      { headers: {} },
      { headers: { operation: {} } },
      { headers: { operation: { session: {} } } },
      { headers: { operation: { session: { session: {} } } } },
    ];
    for (const request of nested) {
      const calls = [
        elections.enter(request),
        elections.getTerm(request),
        primitives.createPrimitive(request),
        primitives.closePrimitive(request),
        elections.watch(request)[Symbol.asyncIterator]().next(),
      ];
      for (const call of calls) expect(await codeOf(call)).toContain("[invalid_argument] headers");
    }
  });
});

test("a partition that there is not is INVALID_ARGUMENT, and says which there are", async () => {
  const { door } = (await world()).one;
  for (const partitionId of [0, 4, 4_294_967_295]) {
    const call = door.sessions.openSession({ headers: { partitionId } });
    expect(await codeOf(call)).toContain("the partitions are 1 to 3");
  }
});

test("a session that there is not is PERMISSION_DENIED in every call", async () => {
  const { memory, one } = await world();
  const entries = memory.log(HOME).entries.length;
  for (const sessionId of [0n, 999n, (1n << 64n) - 1n]) {
    const stranger = new S1Client(one.door, HOME, sessionId, 0n);
    stranger.primitiveId = one.primitiveId;
    const refused = "PermissionDenied: session not found";
    expect(await stranger.create()).toBe(refused);
    expect(await stranger.close()).toBe(refused);
    expect(await stranger.ask("evict", "a")).toBe(refused);
    expect(await stranger.getTerm()).toBe(refused);
    expect(await stranger.keepAlive(1)).toBe(refused);
    expect(await stranger.closeSession()).toBe(refused);
    const watch = await stranger.watch();
    expect(watch.end).toBe(refused);
  }
  expect(memory.node.partition(HOME).view(KEY).leader?.name).toBe("a");
  expect(memory.log(HOME).entries).toHaveLength(entries);
});

test("a session of another partition is unknown on this one", async () => {
  const { one } = await world();
  const elsewhere = new S1Client(one.door, 1, one.sessionId, 0n);
  elsewhere.primitiveId = one.primitiveId;
  expect(await elsewhere.ask("enter", "b")).toBe("PermissionDenied: session not found");
});

describe("a primitive", () => {
  test("of an unknown type is FORBIDDEN in band; both names of an election are known", async () => {
    const { one } = await world();
    for (const service of ["", "atomix.runtime.map.v1.Map"]) {
      expect(await one.create("e", { service })).toBe("in band FORBIDDEN: unknown primitive type");
    }
    const service = "atomix.multiraft.election.v1.LeaderElection";
    expect(await one.create("e", { service })).toBe("OK");
  });

  test("without a name, or under one that is too long, is INVALID in band", async () => {
    const { one } = await world();
    expect(await one.create("")).toContain("in band INVALID");
    expect(await one.create("e".repeat(257))).toContain("in band INVALID");
    const { headers } = await one.door.primitives.createPrimitive({
      headers: one.numbered({ number: 77 }),
    });
    expect(headers?.operation?.message).toBe("unknown primitive type");
  });

  test("that the session has not created is FORBIDDEN in band", async () => {
    const { one } = await world();
    for (const primitiveId of [0n, 98n]) {
      const refused = "in band FORBIDDEN: primitive not found: it is not created, or closed";
      expect(await one.ask("enter", "b", { primitiveId })).toBe(refused);
      expect(await one.close({ primitiveId })).toBe(refused);
    }
  });
});

describe("a partition that is not the primitive's home", () => {
  async function away(): Promise<{ memory: MemoryNode; one: S1Client }> {
    const memory = createMemoryNode(3);
    worlds.push(memory);
    const one = await S1Client.open(openS1(memory), 1);
    expect(await one.create("e")).toBe("OK");
    return { memory, one };
  }

  test("takes its creation and its closing, and binds nothing", async () => {
    const { memory, one } = await away();
    expect(one.primitiveId >> 63n).toBe(1n);
    const hash = String(stateHash(memory.node.partition(HOME).state));
    expect(memory.node.partition(1).session(one.sessionId)).toMatchObject({ candidacies: [] });
    const before = one.primitiveId;
    expect(await one.create("e", { number: 1 })).toBe("OK");
    expect(one.primitiveId).toBe(before);
    expect(await one.close()).toBe("OK");
    expect(await one.close({ number: one.number })).toBe("OK");
    expect(String(stateHash(memory.node.partition(HOME).state))).toBe(hash);
  });

  test("refuses every other call, and names the home (schedule G)", async () => {
    const { one } = await away();
    const refused = `in band INVALID: the primitive is not at home here, but on partition ${HOME}`;
    expect(await one.ask("enter", "a")).toBe(refused);
    expect(await one.getTerm()).toBe(refused);
    expect((await one.watch()).seen).toEqual([refused]);
  });
});

describe("a candidate", () => {
  test("without a name, or under one that cannot be, is INVALID in band and takes no number", async () => {
    const { one } = await world();
    for (const candidate of ["", "a\u0000", "x".repeat(257)]) {
      expect(await one.ask("enter", candidate, { number: 3 })).toContain("in band INVALID");
    }
    const { headers } = await one.door.elections.enter({ headers: one.numbered({ number: 3 }) });
    expect(headers?.operation?.message).toContain("operation.candidate");
    expect(await one.ask("enter", "b", { number: 3 })).toBe("1 a [b]");
  });

  test("that nobody knows is passed over in silence", async () => {
    const { one } = await world();
    for (const verb of ["withdraw", "anoint", "promote", "demote", "evict"] as const) {
      expect(await one.ask(verb, "nobody")).toBe("1 a []");
    }
  });
});

describe("a KeepAlive", () => {
  test("whose filter is none is INVALID_ARGUMENT and acknowledges nothing", async () => {
    const { memory, one } = await world();
    const entries = memory.log(HOME).entries.length;
    for (const filter of [
      "nonsense",
      "{}",
      '{"m":7,"k":9223372036854775808,"b":"AAAAAAAAAAcAAAAAAAAAXA=="}',
    ]) {
      expect(await one.keepAlive(2, filter)).toContain("InvalidArgument: input_filter");
    }
    expect(memory.log(HOME).entries).toHaveLength(entries);
    expect(await one.ask("enter", "a", { number: 2 })).toBe("1 a []");
  });

  test("that tells of more calls than can be is INVALID_ARGUMENT", async () => {
    const { one } = await world();
    expect(await one.keepAlive(2 ** 60)).toContain("InvalidArgument: last_input_sequence_num");
  });

  test("with the filter of nothing, whose k is a NaN made whole, is served", async () => {
    const { one } = await world();
    expect(await one.keepAlive(2, [])).toBe("index true");
    expect(await one.ask("enter", "a", { number: 2 })).toContain("in band CONFLICT");
  });
});

test("an index that nobody was told is INVALID in band, and not waited for", async () => {
  const { one } = await world();
  expect(await one.getTerm((1n << 64n) - 1n)).toContain("in band INVALID: max_received_index");
  one.index = 1n << 60n;
  expect((await one.watch()).seen).toEqual([expect.stringContaining("INVALID")]);
});

test("the same number with other content is answered as it was the first time", async () => {
  const { one } = await world();
  expect(await one.ask("evict", "a", { number: 2 })).toBe("1 a []");
  expect(await one.getTerm()).toBe("1 a []");
});

test("hundreds of watches that come and go leave nothing behind", async () => {
  const { memory, one } = await world();
  for (let round = 0; round < 4; round++) {
    const watches = await Promise.all(Array.from({ length: 50 }, () => one.watch()));
    await Promise.all(watches.map((watch) => watch.cancel()));
  }
  await settled();
  expect(memory.node.partition(HOME).watchers.isEmpty).toBe(true);
});

const KEY = { kind: "election", namespace: "default", name: "e" } as const;
