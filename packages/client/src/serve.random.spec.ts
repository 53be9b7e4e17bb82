// SPDX-License-Identifier: Apache-2.0
/**
 * Three processes, or pages, that serve two elections, on one node or three, under everything that a network, a
 * machine, a cluster and an operator may do to them, in any order (A8, pain 6). From one fixed seed,
 * so that a failure is everybody's and not one run's luck: to look further, give another.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Leadership } from "./leadership.ts";
import { createWorld, nameOn, type Process, type World } from "./memory/memory-world.ts";

const TTL_MS = 1_000;
const ELECTIONS = [nameOn(1), nameOn(2)] as const;
const PROCESSES = 3;

type Act =
  | { readonly kind: "cut" | "heal" | "reset" | "sleep"; readonly process: number }
  | {
      readonly kind: "expire" | "anoint" | "evict";
      readonly process: number;
      readonly election: number;
    }
  | { readonly kind: "stall" | "unstall"; readonly election: number }
  | {
      readonly kind: "refusing" | "silent" | "cut-off" | "up";
      readonly node: number;
    }
  | { readonly kind: "transfer"; readonly election: number; readonly node: number }
  | { readonly kind: "lag"; readonly node: number; readonly ms: number }
  | { readonly kind: "goodbye" }
  | { readonly kind: "interrupted" | "away" | "back"; readonly process: number }
  | { readonly kind: "pass" | "freeze"; readonly ms: number };

const process = fc.integer({ min: 0, max: PROCESSES - 1 });
const election = fc.integer({ min: 0, max: ELECTIONS.length - 1 });
const node = fc.integer({ min: 1, max: 3 });
const ofCluster: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ kind: fc.constantFrom("refusing", "silent", "cut-off", "up"), node }),
  fc.record({ kind: fc.constant("transfer" as const), election, node }),
  fc.record({ kind: fc.constant("lag" as const), node, ms: fc.integer({ min: 0, max: 200 }) }),
);
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ kind: fc.constantFrom("cut", "heal", "reset", "sleep"), process }),
  fc.record({ kind: fc.constantFrom("expire", "anoint", "evict"), process, election }),
  fc.record({ kind: fc.constantFrom("stall", "unstall"), election }),
  fc.record({ kind: fc.constant("goodbye" as const) }),
  fc.record({ kind: fc.constantFrom("pass", "freeze"), ms: fc.integer({ min: 1, max: 400 }) }),
);

const ofPage: fc.Arbitrary<Act> = fc.record({
  kind: fc.constantFrom("interrupted", "away", "back"),
  process,
});

/** One process's work in one election: what it believes, and that it is never done twice at once. */
interface Worker {
  readonly election: string;
  readonly candidate: string;
  running: number;
  runs: number;
  leadership: Leadership | undefined;
}

test.each([
  { who: "processes of 1 node", nodeCount: 1, acts: act, runs: 400 },
  { who: "processes of 3 nodes", nodeCount: 3, acts: fc.oneof(act, ofCluster), runs: 300 },
  { who: "pages of 1 node", nodeCount: 1, acts: fc.oneof(act, ofPage), runs: 150 },
])(
  "work never overlaps, no belief outlives its office, and all lead again when all is well: $who",
  async ({ nodeCount, acts: act, runs }) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(act, { minLength: 1, maxLength: 25 }),
        fc.bigInt({ min: 1n, max: 1n << 32n }),
        fc.constantFrom(0, 300),
        async (acts, seed, graceMs) => {
          const world = createWorld({ seed, nodeCount, stepMs: 25 });
          const processes: Process[] = [];
          for (let n = 0; n < PROCESSES; n++) processes.push(await world.start());
          const stop = new AbortController();
          const { workers, served } = serveAll(processes, stop.signal, graceMs);
          await world.settle();

          /** Elections in which an operator has moved a holder that cannot have heard of it yet. */
          const moved = new Map<string, number>();
          for (const next of acts) {
            await carryOut(world, processes, moved, next);
            checkBelief(world, workers, moved);
          }

          await recover(world, processes);
          for (const name of ELECTIONS) {
            const holders = workers.filter((w) => w.election === name && isHeld(w.leadership));
            expect(holders).toHaveLength(1);
          }
          stop.abort();
          await world.advance(TTL_MS);
          await Promise.all(served);
          await Promise.all(processes.map(({ client }) => client.close()));
          expect(world.clock.pendingTimers).toBe(0);
        },
      ),
      { numRuns: runs, seed: 1 },
    );
  },
  60_000,
);

function serveAll(
  processes: readonly Process[],
  signal: AbortSignal,
  graceMs: number,
): { readonly workers: readonly Worker[]; readonly served: readonly Promise<void>[] } {
  const workers: Worker[] = [];
  const served: Promise<void>[] = [];
  processes.forEach(({ client }, index) => {
    for (const election of ELECTIONS) {
      const candidate = `p${index}`;
      const worker: Worker = { election, candidate, running: 0, runs: 0, leadership: undefined };
      workers.push(worker);
      const work = async (leadership: Leadership): Promise<void> => {
        worker.running += 1;
        worker.runs += 1;
        expect(worker.running).toBe(1);
        worker.leadership = leadership;
        await new Promise<void>((resolve) => {
          leadership.signal.addEventListener("abort", () => resolve());
          if (leadership.signal.aborted) resolve();
        });
        worker.running -= 1;
      };
      const options = { candidate, ttlMs: TTL_MS, graceMs, signal };
      served.push(client.election(election).serve(work, options));
    }
  });
  return { workers, served };
}

async function carryOut(
  world: World,
  processes: readonly Process[],
  moved: Map<string, number>,
  next: Act,
): Promise<void> {
  const target = "process" in next ? processes[next.process] : undefined;
  const name = "election" in next ? ELECTIONS[next.election] : undefined;
  const nowMs = world.clock.monotonicMs();
  switch (next.kind) {
    case "cut":
    case "heal":
    case "reset":
      target?.network[next.kind]();
      break;
    case "sleep":
      target?.sleep(5 * TTL_MS);
      break;
    case "expire":
      world.server.endSessionOf(name ?? "", `p${next.process}`);
      moved.set(name ?? "", nowMs);
      break;
    case "anoint":
    case "evict":
      world.server.move(next.kind, name ?? "", `p${next.process}`);
      moved.set(name ?? "", nowMs);
      break;
    case "stall":
      world.server.stall(next.election + 1, true);
      break;
    case "unstall":
      world.server.stall(next.election + 1, false);
      break;
    case "refusing":
    case "silent":
    case "cut-off":
    case "up":
      world.server.setNode(next.node, next.kind);
      break;
    case "transfer":
      if (world.server.nodes.state(next.node) === "up") {
        world.server.nodes.transfer(next.election + 1, next.node);
      }
      break;
    case "lag":
      world.server.nodes.setLag(next.node, next.ms);
      break;
    case "interrupted":
      target?.page.interrupted();
      break;
    case "away":
      target?.page.departing();
      if (target !== undefined) target.isAway = true;
      break;
    case "back":
      if (target !== undefined) target.isAway = false;
      target?.page.interrupted();
      break;
    case "goodbye":
      world.server.sayGoodbye("a node stops");
      break;
    case "pass":
      await world.advance(next.ms);
      break;
    case "freeze":
      world.clock.advance(next.ms);
      break;
    default:
  }
  await world.settle();
}

/**
 * Who holds an office is who the server says holds it. Only after an operator's move may the old
 * holder go on, until its next acknowledgement or its deadline: for a TTL at most (semantics A2).
 */
function checkBelief(
  world: World,
  workers: readonly Worker[],
  moved: ReadonlyMap<string, number>,
): void {
  for (const { election, candidate, leadership } of workers) {
    if (!isHeld(leadership)) continue;
    const movedMs = moved.get(election);
    if (movedMs !== undefined && world.clock.monotonicMs() - movedMs <= TTL_MS) continue;
    const { term, list = [] } = world.server.election(election) ?? {};
    expect({ term: leadership?.fence.term, candidate }).toEqual({ term, candidate: list[0]?.name });
  }
}

async function recover(world: World, processes: readonly Process[]): Promise<void> {
  ELECTIONS.forEach((_, index) => {
    world.server.stall(index + 1, false);
  });
  for (let node = 1; node <= world.server.nodes.count; node++) {
    world.server.setNode(node, "up");
    world.server.nodes.setLag(node, 0);
  }
  for (const process of processes) {
    process.isAway = false;
    process.network.heal();
  }
  // An eviction rests a whole TTL, a lost connection is tried again after two seconds at the latest.
  await world.advance(6 * TTL_MS);
}

function isHeld(leadership: Leadership | undefined): boolean {
  try {
    leadership?.assertHeld();
    return leadership !== undefined;
  } catch {
    return false;
  }
}
