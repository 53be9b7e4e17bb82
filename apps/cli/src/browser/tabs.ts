// SPDX-License-Identifier: Apache-2.0
/** Tabs that stand in elections, what each of them has said, and what must hold of it in the end. */

import type { BrowserContext, CDPSession, ConsoleMessage, Page } from "playwright-core";
import { expect } from "vitest";
import { eventually } from "../e2e/processes.ts";
import type { FencedCounter } from "./fenced-counter.ts";
import { brokenRules, type HeldLook } from "./held-terms.ts";
import { MARK, type Said, type SaidLine } from "./page/said.ts";

interface TabOptions {
  /** Which page it shows. Default: the one whose candidate is the tab itself. */
  readonly page?: string;
  readonly candidate: string;
  readonly ttlMs: number;
  readonly endpoints: readonly string[];
  readonly protocol?: "connect" | "grpc-web";
  /** What else its address says. */
  readonly query?: Readonly<Record<string, string>>;
  /** For how long it tries to connect. Default 20 s: machines that run specs are busy. */
  readonly timeoutMs?: number;
  /** Where the page is, when not where the others are. */
  readonly origin?: string;
}

export interface Tab {
  readonly candidate: string;
  readonly page: Page;
  /** What it has said so far, in order; it stays when the page has gone. */
  said(): readonly SaidLine[];
  /** What else stood on its console: the warnings and errors of the client and of the browser. */
  console(): readonly string[];
  /** Chromium's own door: for what users do to tabs, and machines to browsers. */
  devtools(): Promise<CDPSession>;
}

export interface Office {
  readonly tab: Tab;
  readonly term: bigint;
  /** When it was first asserted. */
  readonly sinceMs: number;
}

/** The tabs of one election. */
export interface Tabs {
  open(options: TabOptions): Promise<Tab>;
  /** Waits until one leads and has written, and all the others are queued; says who leads. */
  settled(): Promise<Office>;
  /** Waits for the first assertion of a term above this one. */
  leader(above?: bigint): Promise<Office>;
  /** Waits until a tab has said something for which `fits` holds. */
  said(tab: Tab, what: string, fits: (said: Said) => boolean, fromMs?: number): Promise<SaidLine>;
  /** Waits until any tab asserts an office at or after this moment. */
  heldAfter(atMs: number): Promise<Office>;
  /** Closes what is still open. */
  close(): Promise<void>;
  /** At no time two leaders, terms that rise, no update lost, nothing unhandled. */
  expectKept(counter: FencedCounter): void;
}

export function createTabs(
  context: BrowserContext,
  origin: string,
  election: string,
  counter: string,
): Tabs {
  const tabs: FollowedTab[] = [];
  const told = (): string => tabs.map(lastWords).join("\n");
  return {
    async open(options) {
      const { candidate, ttlMs, endpoints, protocol = "connect" } = options;
      const known = { election, candidate, counter, protocol };
      const query = new URLSearchParams({ ...options.query, ...known });
      query.set("ttl", `${ttlMs}`);
      query.set("timeout", `${options.timeoutMs ?? 20_000}`);
      for (const endpoint of endpoints) query.append("endpoint", endpoint);
      const tab = follow(context, await context.newPage(), candidate);
      tabs.push(tab);
      await tab.page.goto(`${options.origin ?? origin}/${options.page ?? ""}?${query}`);
      return tab;
    },
    settled: () => eventually(`all in ${election} lead or wait`, () => settledIn(tabs), told),
    leader: (above = 0n) =>
      eventually(`a leader in ${election} above term ${above}`, () => firstOf(tabs, above), told),
    said: (tab, what, fits, fromMs = 0) =>
      eventually(
        `${tab.candidate} says ${what}`,
        () => tab.said().find(({ atMs, said }) => atMs >= fromMs && fits(said)),
        told,
      ),
    heldAfter: (fromMs) =>
      eventually(
        `somebody leads in ${election} at ${fromMs}`,
        () => firstOf(tabs, 0n, fromMs),
        told,
      ),
    async close() {
      await Promise.all(tabs.map(({ page }) => page.close()));
    },
    expectKept({ value, writes }) {
      const lines = tabs.flatMap((tab) => tab.said());
      expect(brokenRules(tabs.flatMap(looksOf)), told()).toEqual([]);
      expect(lines.filter(({ said }) => said.kind === "unhandled")).toEqual([]);
      expect(tabs.flatMap(({ pageErrors }) => pageErrors)).toEqual([]);
      expect(value, "an update was lost").toBe(writes);
      expect(value, "nothing was written").toBeGreaterThan(0);
    },
  };
}

interface FollowedTab extends Tab {
  readonly pageErrors: readonly string[];
}

function follow(context: BrowserContext, page: Page, candidate: string): FollowedTab {
  const lines = new Map<string, SaidLine>();
  const others: string[] = [];
  const pageErrors: string[] = [];
  page.on("console", (message: ConsoleMessage) => {
    const text = message.text();
    if (!text.startsWith(MARK)) {
      others.push(`${message.type()}: ${text}`);
      return;
    }
    const line = JSON.parse(text.slice(MARK.length)) as SaidLine;
    lines.set(`${line.document} ${line.number}`, line);
  });
  page.on("pageerror", (error) => pageErrors.push(`${candidate}: ${error.stack ?? error}`));
  return {
    candidate,
    page,
    pageErrors,
    said: () => [...lines.values()],
    console: () => others,
    devtools: () => context.newCDPSession(page),
  };
}

function looksOf(tab: Tab): readonly HeldLook[] {
  return tab.said().flatMap(({ document, atMs, said }) => {
    const holder = `${tab.candidate}/${document}`;
    return said.kind === "held" ? [{ holder, term: BigInt(said.term), atMs }] : [];
  });
}

function firstOf(tabs: readonly Tab[], above: bigint, fromMs = 0): Office | undefined {
  const offices = tabs.flatMap((tab) =>
    looksOf(tab).map(({ term, atMs }) => ({ tab, term, sinceMs: atMs })),
  );
  const later = offices.filter(({ term, sinceMs }) => term > above && sinceMs >= fromMs);
  return later.toSorted((a, b) => Number(a.term - b.term) || a.sinceMs - b.sinceMs)[0];
}

/** Who leads, if that one has written and everybody else waits. */
function settledIn(tabs: readonly Tab[]): Office | undefined {
  const [leader, ...others] = tabs.filter((tab) => stateOf(tab) !== "queued");
  const wrote = leader?.said().findLast(({ said }) => said.kind === "wrote")?.said;
  if (leader === undefined || others.length > 0 || stateOf(leader) !== "leading") return undefined;
  const office = looksOf(leader).at(-1);
  if (wrote?.kind !== "wrote" || wrote.term !== `${office?.term}`) return undefined;
  return office && { tab: leader, term: office.term, sinceMs: office.atMs };
}

function stateOf(tab: Tab): string | undefined {
  const last = tab.said().findLast(({ said }) => said.kind === "state")?.said;
  return last?.kind === "state" ? last.state : undefined;
}

function lastWords(tab: FollowedTab): string {
  const said = tab.said().filter(({ said: { kind } }) => kind !== "held" && kind !== "wrote");
  const lines = said.slice(-20).map(({ atMs, said: words }) => `${atMs} ${JSON.stringify(words)}`);
  return [`--- ${tab.candidate}`, ...lines, ...tab.console().slice(-20), ...tab.pageErrors].join(
    "\n",
  );
}
