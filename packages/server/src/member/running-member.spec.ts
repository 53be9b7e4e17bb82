// SPDX-License-Identifier: Apache-2.0
// Whole nodes without a machine: memory for disks and streams, one manual clock for time. Formation,
// membership and rot have specs of their own; here stands that the parts meet.
import { ElectionService, SessionService } from "@conclave/api";
import { type Clock, createManualClock, createPrng, type ManualClock } from "@conclave/base";
import { type Client, createClient, createRouterTransport } from "@connectrpc/connect";
import { beforeEach, expect, test } from "vitest";
import { createMemoryPeers, type MemoryPeers } from "../peer/memory-dialer.ts";
import { settled } from "../replica/memory-node.ts";
import type { LogListener, OpenLog, ReplicatedLog } from "../replica/replicated-log.ts";
import { PEER_PROTOCOL_VERSION } from "../wire/introduction.ts";
import type { ListedMember } from "./cluster-id.ts";
import { openDirectory } from "./data-directory.ts";
import type { MemberFailure } from "./member-failure.ts";
import type { MemberChance, MemberOptions, MemberPlatform } from "./member-platform.ts";
import { createMemoryDirectory, type MemoryDirectory } from "./memory-directory.ts";
import { createMember, type RunningMember } from "./running-member.ts";

const members: readonly ListedMember[] = [1, 2, 3].map((node) => ({
  node,
  address: `node-${node}:7400`,
}));
const firstStart = { members, partitionCount: 2 };
const election = { name: "orders" };
/** Small, since a memory disk fills its files with zeros as a real one does. */
const limits = { segmentBytes: 1 << 20, entryBytesMax: 1 << 18 };

let clock: ManualClock;
let network: MemoryPeers;
let said: string[];
let processes: number;

beforeEach(() => {
  clock = createManualClock();
  network = createMemoryPeers(clock);
  said = [];
  processes = 0;
});

interface Process {
  readonly member: RunningMember;
  /** What `start` has said. */
  readonly fault: MemberFailure | undefined;
  readonly sessions: Client<typeof SessionService>;
  readonly elections: Client<typeof ElectionService>;
  /** Does nothing more, in the middle of whatever it does. */
  die(): void;
}

async function start(
  node: number,
  directory: MemoryDirectory = createMemoryDirectory(),
  options: Partial<MemberOptions> = firstStart,
  platform: Partial<MemberPlatform> = {},
): Promise<Process> {
  const address = `node-${node}:7400`;
  const opened = await openDirectory(directory);
  if (opened.kind === "fault") throw new Error(opened.detail);
  const flags = {
    members: undefined,
    join: [],
    partitionCount: undefined,
    clusterToken: undefined,
  };
  const life = { isOver: false };
  const member = createMember(
    { node, ...flags, version: "test", urlScheme: "http", ...options },
    {
      clock: clockOf(life),
      chance: chanceOf(++processes),
      directory: opened,
      dialer: network.dialer(address),
      log: (_level, text) => said.push(text),
      limits,
      ...platform,
    },
  );
  const stopListening = network.listen(address, {
    accept: member.accept,
    introduce: () => member.introduce(),
    join: (request) => member.join(request),
  });
  const fault = await during(member.start(address));
  const transport = () => createRouterTransport((router) => member.register(router));
  return {
    member,
    fault,
    get sessions() {
      return createClient(SessionService, transport());
    },
    get elections() {
      return createClient(ElectionService, transport());
    },
    die() {
      life.isOver = true;
      stopListening();
    },
  };
}

/** A process's clock goes no further than the process. */
function clockOf(life: { readonly isOver: boolean }): Clock {
  return {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    setTimer: (delayMs, fire) => clock.setTimer(delayMs, () => life.isOver || fire()),
  };
}

/** Each process draws its own. */
function chanceOf(process: number): MemberChance {
  const prng = createPrng(BigInt(process));
  return {
    seed: () => BigInt(prng.nextUint32()),
    sessionId: () => BigInt(prng.nextUint32()) + 1n,
    nonce: () => prng.nextUint32().toString(16).padStart(16, "0"),
    incarnation: () => prng.nextUint32() || 1,
  };
}

async function advance(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 5) {
    clock.advance(5);
    await settled();
  }
}

/** Waits for what needs time, and gives up after a minute of it. */
async function during<Value>(promise: Promise<Value>): Promise<Value> {
  let isDone = false;
  promise.then(
    () => (isDone = true),
    () => (isDone = true),
  );
  await settled();
  for (let passed = 0; passed < 60_000 && !isDone; passed += 5) await advance(5);
  expect(isDone).toBe(true);
  return promise;
}

async function ready(...running: readonly Process[]): Promise<void> {
  const obstacles = () => running.flatMap(({ member }) => member.obstacles());
  for (let passed = 0; passed < 60_000 && obstacles().length > 0; passed += 25) await advance(25);
  expect(obstacles()).toEqual([]);
}

async function startAll(
  directories: readonly MemoryDirectory[] = members.map(() => createMemoryDirectory()),
  options: Partial<MemberOptions> = firstStart,
): Promise<readonly [Process, Process, Process]> {
  const running = await Promise.all(
    members.map(({ node }, i) => start(node, directories[i], options)),
  );
  await ready(...running);
  return running as unknown as readonly [Process, Process, Process];
}

async function enter({ sessions, elections }: Process, candidate: string): Promise<void> {
  await during(sessions.openSession({ sessionId: 5n, options: { ttl: { seconds: 60n } } }));
  await during(elections.enter({ election, candidate, command: { sessionId: 5n, number: 1n } }));
}

async function leaderAt({ elections }: Process): Promise<string | undefined> {
  const { view } = await during(elections.get({ election }));
  return view?.leader?.name;
}

test("three that are listed form a cluster, and serve at each what was entered at one", async () => {
  const running = await startAll();
  await enter(running[1], "a");
  for (const each of running) expect(await leaderAt(each)).toBe("a");
});

test("one whose directory was wiped comes back as another incarnation that knows all", async () => {
  const [one, two, three] = await startAll();
  await enter(one, "a");
  three.die();
  const again = await start(3);
  await ready(again);
  expect(await leaderAt(again)).toBe("a");
  const [before, now] = [three, again].map(({ member }) => member.introduce());
  expect(now?.incarnation).not.toBe(before?.incarnation);
  // It counts: the cluster goes on when one of the others dies.
  one.die();
  await ready(two, again);
  expect(await leaderAt(two)).toBe("a");
});

test("all that was acknowledged is there after a power cut at every node", async () => {
  const directories = members.map(() => createMemoryDirectory());
  const running = await startAll(directories);
  await enter(running[0], "a");
  for (const each of running) each.die();
  const after = directories.map((directory) => directory.crash({ kind: "lose-all" }));
  for (const each of await startAll(after, {})) expect(await leaderAt(each)).toBe("a");
});

test("a log in which something has rotted is put aside, and comes back from the others", async () => {
  const directories = members.map(() => createMemoryDirectory());
  const [one, , three] = await startAll(directories);
  await enter(one, "a");
  await during(three.member.stop());
  three.die();
  const segment = [...directories[2]!.log().files().keys()].find((name) => name.startsWith("log-"));
  directories[2]!.log().flipBit(segment!, 300, 0);
  const again = await start(3, directories[2]!, {});
  await ready(again);
  expect(await leaderAt(again)).toBe("a");
  expect(directories[2]!.aside).toHaveLength(1);
  expect(said.join("\n")).toContain("beginning anew as incarnation");
});

test("until the others are there it says whom it waits for, and refuses calls and streams", async () => {
  const { member, elections, fault } = await start(1);
  expect(fault).toBeUndefined();
  expect(member.obstacles()).toEqual(["waiting for the other members of the first start"]);
  expect(member.serving).toBeUndefined();
  await expect(elections.get({ election })).rejects.toThrow("unavailable");
  const clusterId = member.introduce()!.clusterId;
  const asked = { node: 4, incarnation: 7, address: "d:1", clusterId };
  const join = (request: object) =>
    member.join({ ...asked, protocolVersion: PEER_PROTOCOL_VERSION, ...request });
  expect(await join({})).toMatchObject({ kind: "refused", reason: "not-now" });
  expect(await join({ clusterId: "00" })).toMatchObject({ reason: "foreign-cluster" });
  expect(await join({ protocolVersion: 99 })).toMatchObject({ reason: "protocol-version" });
  await during(member.stop());
});

test("a node alone serves at once, and one that stops gives its directory back", async () => {
  const directory = createMemoryDirectory();
  const alone = await start(1, directory, { partitionCount: 1 });
  await ready(alone);
  await enter(alone, "a");
  await during(Promise.all([alone.member.stop(), alone.member.stop()]));
  alone.die();
  const again = await start(1, directory, {});
  await ready(again);
  expect(await leaderAt(again)).toBe("a");
});

test("flags that contradict the directory are a fault", async () => {
  const directory = createMemoryDirectory();
  const first = await start(1, directory, { partitionCount: 1 });
  await during(first.member.stop());
  first.die();
  const other = await start(1, directory, { partitionCount: 2 });
  expect(other.fault).toMatchObject({ kind: "failed", reason: "foreign" });
  await during(other.member.stop());
});

test("a tap sees all that passes between each log and its state machine", async () => {
  const seen: string[] = [];
  const alone = await start(
    1,
    createMemoryDirectory(),
    { partitionCount: 2 },
    { tapLogs: (open) => (partition, listener) => tapped(open, partition, listener, seen) },
  );
  await ready(alone);
  expect(seen.sort()).toEqual(["1 follower", "1 leader", "2 follower", "2 leader"]);
  await enter(alone, "a");
  expect(seen).toEqual(expect.arrayContaining(["1 committed", "1 applied"]));
});

function tapped(
  open: OpenLog,
  partition: number,
  listener: LogListener,
  seen: string[],
): ReplicatedLog {
  const log = open(partition, {
    ...{ snapshot: () => listener.snapshot(), failed: (reason) => listener.failed(reason) },
    committed(entries) {
      seen.push(`${partition} committed`);
      listener.committed(entries);
    },
    restored(snapshot) {
      seen.push(`${partition} restored`);
      listener.restored(snapshot);
    },
    roleChanged(role) {
      seen.push(`${partition} ${role.kind}`);
      listener.roleChanged(role);
    },
  });
  return {
    async propose(bytes, options) {
      const outcome = await log.propose(bytes, options);
      seen.push(`${partition} ${outcome.kind}`);
      return outcome;
    },
    confirm: () => log.confirm(),
    get role() {
      return log.role;
    },
    get appliedIndex() {
      return log.appliedIndex;
    },
  };
}
