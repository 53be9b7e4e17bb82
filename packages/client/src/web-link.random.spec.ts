// SPDX-License-Identifier: Apache-2.0
/**
 * Pages to which everything happens that can happen to a page: networks that break, proxies that hold
 * back, nodes that die, tabs that are put away. From one fixed seed; to look further, give another.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Leadership } from "./leadership.ts";
import { nameOn } from "./memory/memory-world.ts";
import type { View } from "./view.ts";
import { createWebWorld, type WebWorld } from "./web-link-world.ts";

const PAGES = 3;
/** One that operators move, too: there the term alone protects for a while. */
const [QUIET, MOVED] = [nameOn(1), nameOn(2)];

type Event =
  | {
      readonly kind:
        | "cut"
        | "heal"
        | "offline"
        | "online"
        | "hide"
        | "show"
        | "hold"
        | "slow"
        | "watch"
        | "leave"
        | "return";
      readonly page: number;
    }
  | { readonly kind: "anoint" | "evict"; readonly page: number }
  | { readonly kind: "die" | "rise"; readonly page: number };

const event: fc.Arbitrary<Event> = fc.record({
  kind: fc.constantFrom(
    ...(["cut", "heal", "offline", "online", "hide", "show", "hold", "slow"] as const),
    ...(["watch", "anoint", "evict", "die", "rise", "leave", "return"] as const),
  ),
  page: fc.nat(PAGES - 1),
});

interface Tab {
  readonly page: Awaited<ReturnType<WebWorld["open"]>>;
  readonly held: Map<string, Leadership>;
  /** What its watch of everything has shown last, by election. */
  readonly seen: Map<string, View>;
}

test("no two pages hold one office, and in the end all agree with the server", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(event, fc.integer({ min: 0, max: 3_000 })), {
        minLength: 5,
        maxLength: 20,
      }),
      fc.constantFrom(1, 3),
      fc.bigInt({ min: 1n, max: 1n << 32n }),
      async (events, nodeCount, seed) => {
        const world = createWebWorld({ nodeCount, seed });
        const tabs: Tab[] = [];
        for (let n = 0; n < PAGES; n++) tabs.push(await openTab(world, n));
        for (const [happening, ms] of events) {
          befall(world, tabs, happening);
          await passExclusively(world, tabs, ms);
        }
        for (let node = 1; node <= nodeCount; node++) world.server.setNode(node, "up");
        for (const { page } of tabs) recover(page);
        await passExclusively(world, tabs, 40_000);
        expectAgreement(world, tabs);

        const closing = Promise.all(tabs.map(({ page }) => page.client.close()));
        // The limit of what was said last, which goes on without the client, among others.
        await world.advance(11_000);
        await closing;
        // The twin's own, for progress.
        expect(world.clock.pendingTimers).toBe(1);
        expect(tabs.map(({ page }) => page.network.openCount)).toEqual([0, 0, 0]);
      },
    ),
    { numRuns: 10, seed: 1, endOnFailure: true },
  );
}, 120_000);

async function openTab(world: WebWorld, n: number): Promise<Tab> {
  const page = await world.open();
  const held = new Map<string, Leadership>();
  const seen = new Map<string, View>();
  for (const name of [QUIET, MOVED]) {
    const work = async (leadership: Leadership): Promise<void> => {
      held.set(name, leadership);
      await new Promise((resolve) => leadership.signal.addEventListener("abort", resolve));
    };
    const again = async (): Promise<void> => {
      // An operator may send it out: as any program would that is to stand, it stands again.
      while (page.client.state !== "closed") {
        await page.client
          .election(name)
          .serve(work, { candidate: `${n}`, ttlMs: 3_000 })
          .catch(() => {});
        await Promise.resolve();
      }
    };
    void again();
  }
  const watch = async (): Promise<void> => {
    for await (const change of page.client.watch("")) {
      if ("view" in change) seen.set(change.view.election, change.view);
    }
  };
  watch().catch(() => {});
  await world.advance(300);
  return { page, held, seen };
}

function befall(world: WebWorld, tabs: readonly Tab[], { kind, page: n }: Event): void {
  const { page } = tabs[n]!;
  switch (kind) {
    case "cut":
      page.network.cut();
      break;
    case "heal":
      page.network.heal();
      break;
    case "offline":
    case "online":
      page.online.set(kind === "online");
      break;
    case "hide":
      page.link.hide();
      break;
    case "show":
      page.link.show();
      break;
    case "hold":
      page.network.isBuffering = !page.network.isBuffering;
      break;
    case "slow":
      page.network.latencyMs = 120 - page.network.latencyMs;
      break;
    case "watch":
      void page.client
        .election(MOVED)
        .watch()
        [Symbol.asyncIterator]()
        .next()
        .catch(() => {});
      break;
    case "leave":
      page.scope.dispatchEvent(new Event("pagehide"));
      break;
    case "return":
      page.scope.dispatchEvent(new Event("pageshow"));
      break;
    case "anoint":
    case "evict":
      if (world.server.election(MOVED) !== undefined) world.server.move(kind, MOVED, `${n}`);
      break;
    case "die":
      world.server.setNode(1, "refusing");
      break;
    default:
      world.server.setNode(1, "up");
  }
}

function recover(page: Tab["page"]): void {
  page.network.heal();
  page.network.isBuffering = false;
  page.network.latencyMs = 0;
  page.online.set(true);
  page.scope.dispatchEvent(new Event("pageshow"));
  page.link.show();
}

const isHeld = (leadership: Leadership | undefined): boolean => {
  try {
    leadership?.assertHeld();
    return leadership !== undefined;
  } catch {
    return false;
  }
};

async function passExclusively(world: WebWorld, tabs: readonly Tab[], ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 100) {
    await world.advance(Math.min(100, left));
    const holders = tabs.filter(({ held }) => isHeld(held.get(QUIET)));
    if (holders.length > 1) throw new Error(`${holders.length} pages hold ${QUIET}`);
  }
}

function expectAgreement(world: WebWorld, tabs: readonly Tab[]): void {
  for (const name of [QUIET, MOVED]) {
    const election = world.server.election(name)!;
    const names = election.list.map((entrant) => entrant.name);
    expect([...names].sort()).toEqual(["0", "1", "2"]);
    const holders = tabs.flatMap(({ held }, n) => (isHeld(held.get(name)) ? [`${n}`] : []));
    expect(holders).toEqual([names[0]]);
    for (const { seen } of tabs) {
      const view = seen.get(name);
      expect(view?.revision).toBe(election.revision);
      expect([view?.leader, ...(view?.queue ?? [])].map((c) => c?.id)).toEqual(names);
    }
  }
}
