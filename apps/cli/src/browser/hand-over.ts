// SPDX-License-Identifier: Apache-2.0
/** The story that most browser specs tell: tabs stand, something befalls the one that leads, the next leads. */

import type { Said } from "./page/said.ts";
import type { Stage } from "./stage.ts";
import type { Office, Tab, Tabs } from "./tabs.ts";

export interface HandOver {
  /** What is said of it in prints, and names the election. */
  readonly what: string;
  readonly tabs?: number;
  /** What they show, when not the page whose candidate is the tab itself. */
  readonly page?: string;
  readonly ttlMs?: number;
  readonly protocol?: "connect" | "grpc-web";
  readonly endpoints?: readonly string[];
  /** What else the addresses of the tabs say. */
  readonly query?: Readonly<Record<string, string>>;
}

/** Tabs of an election of which one leads and works, and the others wait. */
export interface Standing {
  readonly tabs: Tabs;
  readonly office: Office;
}

/** Short, and yet longer than what a busy machine lets a page wait for its turn. */
export const TTL_MS = 2_000;

/**
 * Opens the tabs: resolves when one leads and has written, and every other one is in line. On a busy
 * machine the first to lead need not be the one.
 */
export async function stand(stage: Stage, handOver: HandOver): Promise<Standing> {
  const { what, tabs: count = 2, ttlMs = TTL_MS, protocol = "connect", query = {} } = handOver;
  const { page = "" } = handOver;
  const tabs = stage.tabs(electionOf(what));
  const endpoints = handOver.endpoints ?? stage.cluster.urls;
  for (const candidate of ["ada", "bea", "cleo"].slice(0, count)) {
    await tabs.open({ candidate, ttlMs, endpoints, protocol, query, page });
  }
  return { tabs, office: await tabs.settled() };
}

/** Lets it befall the leader, and resolves when another office is asserted and has been written in. */
export async function untilNext(
  { tabs, office }: Standing,
  what: string,
  befall: (leader: Tab) => Promise<unknown>,
): Promise<Office> {
  const fromMs = Date.now();
  await befall(office.tab);
  const next = await tabs.leader(office.term);
  // Bounds are judged in the simulator and by the bench; here it is only printed.
  const took = `${next.sinceMs - fromMs} ms`;
  console.log(`browser: ${what}: ${next.tab.candidate} led in term ${next.term} after ${took}`);
  const wrote = `that it wrote in term ${next.term}`;
  await tabs.said(next.tab, wrote, (said) => said.kind === "wrote" && said.term === `${next.term}`);
  return next;
}

/** Waits until a tab is in line again. */
export async function untilQueued(tabs: Tabs, tab: Tab, fromMs = 0): Promise<void> {
  const isQueued = (said: Said): boolean => said.kind === "state" && said.state === "queued";
  await tabs.said(tab, "that it is queued", isQueued, fromMs);
}

/** Closes the tabs, and holds what they said to what must hold. */
export async function endKept(stage: Stage, { tabs }: Standing, what: string): Promise<void> {
  await tabs.close();
  tabs.expectKept(stage.counters.counter(electionOf(what)));
}

function electionOf(what: string): string {
  return what.replaceAll(/\W+/g, "-");
}
