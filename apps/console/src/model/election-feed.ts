// SPDX-License-Identifier: Apache-2.0
/**
 * Follows every election of every namespace, and says how old what it knows is. It knows no page, no
 * clock and no network: all of them are arguments.
 */

import { type Change, ElectionError } from "@conclave/client";
import { createChangeLog, type LoggedChange } from "./change-log.ts";
import { createElectionBook } from "./election-book.ts";
import type { ElectionsState } from "./election-row.ts";
import { type LinkState, linkStateOf } from "./link-state.ts";
import { createStore, type Store } from "./store.ts";

/** How many changes the events screen can show: enough for a busy hour, little to hold. */
const CHANGES_MAX = 1_000;

/** How often new namespaces are looked for. */
const POLL_MS = 2_000;

/** After this long without news of what exists, what has been heard is taken for all there is. */
export const SETTLE_MS = 2_000;

/**
 * After this long without a word nobody vouches for what is shown. In a page that slept it is over
 * at the first turn of its loop.
 */
const SILENCE_MS = 10_000;

const RETRY_MS = 1_000;
const DEFAULT_NAMESPACE = "default";

export interface NamespaceCount {
  readonly namespace: string;
  readonly elections: number;
}

export interface FeedContext {
  /** Resolves when a node has answered; rejects with the reason when none did for a while. */
  readonly connect: () => Promise<unknown>;
  /** All elections of a namespace, live. Called after `connect` has resolved. */
  readonly watch: (namespace: string) => AsyncIterable<Change>;
  readonly namespaces: () => Promise<readonly NamespaceCount[]>;
  readonly wait: (ms: number) => Promise<void>;
  readonly nowMs: () => number;
  /** Runs soon, once: in the page, at a frame of its own choice. */
  readonly schedule: (run: () => void) => void;
}

export interface ElectionFeed {
  readonly elections: Store<ElectionsState>;
  readonly changes: Store<readonly LoggedChange[]>;
  readonly link: Store<LinkState>;
  /** A namespace that is to be watched although no server has named it yet. */
  want(namespace: string): void;
  /** Resolves only when `connect` has; goes on for as long as the page lives. */
  run(): Promise<void>;
}

/** A namespace that is watched. */
interface Followed {
  isLive: boolean;
  /** What existed when the watch began has been heard, as far as anybody can tell. */
  isSettled: boolean;
  /** When the last election was told of that was not known before. */
  snapshotMs: number;
  expected: number | undefined;
}

export function createElectionFeed(context: FeedContext): ElectionFeed {
  return new Feed(context);
}

class Feed implements ElectionFeed {
  readonly elections = createStore<ElectionsState>(NOTHING);
  readonly changes = createStore<readonly LoggedChange[]>([]);
  readonly link = createStore<LinkState>({ kind: "connecting", failure: undefined });
  readonly #context: FeedContext;
  readonly #book = createElectionBook();
  readonly #log = createChangeLog(CHANGES_MAX);
  readonly #followed = new Map<string, Followed>();
  #isConnected = false;
  #isPublishing = false;
  /** When the node that is asked was last heard, and whether it has not answered since it was asked. */
  #heardMs = 0;
  #isSilent = false;

  constructor(context: FeedContext) {
    this.#context = context;
    this.want(DEFAULT_NAMESPACE);
  }

  want(namespace: string): void {
    if (this.#followed.has(namespace)) return;
    this.#followed.set(namespace, { ...NOT_FOLLOWED });
    if (this.#isConnected) void this.#follow(namespace);
  }

  async run(): Promise<void> {
    while (!this.#isConnected) {
      try {
        await this.#context.connect();
        this.#isConnected = true;
      } catch (error) {
        this.link.set({ kind: "connecting", failure: ElectionError.from(error).message });
        await this.#context.wait(RETRY_MS);
      }
    }
    for (const namespace of this.#followed.keys()) void this.#follow(namespace);
    void this.#poll();
    this.#publishSoon();
  }

  /** Finds namespaces, and finds out sooner than a stream would that the node says nothing any more. */
  async #poll(): Promise<never> {
    const { namespaces, nowMs, wait } = this.#context;
    this.#heard();
    for (;;) {
      const askedMs = nowMs();
      if (askedMs - this.#heardMs > SILENCE_MS) this.#suspect();
      try {
        const counts = await namespaces();
        this.#heard();
        this.#learn(counts);
      } catch (error) {
        // A refusal is an answer; and what a watch has told meanwhile shows that the node lives.
        const isAnswer = !ElectionError.from(error).retryable;
        if (isAnswer) this.#heard();
        else if (this.#heardMs <= askedMs) this.#suspect();
      }
      await wait(POLL_MS);
    }
  }

  #heard(): void {
    this.#heardMs = this.#context.nowMs();
    this.#isSilent = false;
  }

  #suspect(): void {
    this.#isSilent = true;
    this.#publishSoon();
  }

  #learn(counts: readonly NamespaceCount[]): void {
    const byName = new Map(counts.map(({ namespace, elections }) => [namespace, elections]));
    for (const namespace of byName.keys()) this.want(namespace);
    for (const [namespace, followed] of this.#followed) {
      followed.expected = byName.get(namespace) ?? 0;
    }
    this.#publishSoon();
  }

  async #follow(namespace: string): Promise<never> {
    const followed = this.#followed.get(namespace) ?? { ...NOT_FOLLOWED };
    for (;;) {
      followed.snapshotMs = this.#context.nowMs();
      void this.#settleInTime(followed);
      try {
        for await (const change of this.#context.watch(namespace)) {
          this.#hear(namespace, followed, change);
        }
      } catch {
        // Whatever ended it, the answer is a new watch; that nothing is live meanwhile is shown.
      }
      followed.isLive = false;
      this.#publishSoon();
      await this.#context.wait(RETRY_MS);
      // The new watch does not tell what was deleted before it began.
      this.#book.forget(namespace);
      followed.isSettled = false;
    }
  }

  async #settleInTime(followed: Followed): Promise<void> {
    const { nowMs, wait } = this.#context;
    do {
      await wait(SETTLE_MS);
    } while (nowMs() - followed.snapshotMs < SETTLE_MS);
    followed.isSettled = true;
    this.#publishSoon();
  }

  #hear(namespace: string, followed: Followed, change: Change): void {
    const { nowMs } = this.#context;
    followed.isLive = change.type !== "contact" || change.live;
    if (followed.isLive) this.#heard();
    switch (change.type) {
      case "snapshot":
        followed.snapshotMs = nowMs();
        this.#book.snapshot(namespace, change.view);
        break;
      case "contact":
        break;
      case "gap":
        this.#log.add({ kind: "gap", namespace, receivedMs: nowMs() });
        break;
      case "progress":
        break;
      default:
        this.#log.add(this.#book.change(namespace, change, nowMs()));
    }
    this.#publishSoon();
  }

  /** However many changes come at once, the page is told once. */
  #publishSoon(): void {
    if (this.#isPublishing || !this.#isConnected) return;
    this.#isPublishing = true;
    this.#context.schedule(() => {
      this.#isPublishing = false;
      this.#publish();
    });
  }

  #publish(): void {
    const followed = [...this.#followed];
    for (const [namespace, one] of followed) {
      const { expected } = one;
      if (expected !== undefined && this.#book.countOf(namespace) >= expected) one.isSettled = true;
    }
    const known = followed.flatMap(([, { expected }]) => expected ?? []);
    this.elections.set({
      rows: this.#book.rows(),
      isLoaded: followed.every(([, { isSettled }]) => isSettled),
      expected: known.length === 0 ? undefined : known.reduce((sum, count) => sum + count, 0),
      namespaces: followed.map(([namespace]) => namespace).sort(),
    });
    this.changes.set(this.#log.entries());
    const contacts = followed.map(([, { isLive }]) => isLive);
    const sinceMs = this.#isSilent ? this.#heardMs : this.#context.nowMs();
    this.link.set(linkStateOf([...contacts, !this.#isSilent], this.link.get(), sinceMs));
  }
}

const NOTHING: ElectionsState = {
  rows: new Map(),
  isLoaded: false,
  expected: undefined,
  namespaces: [DEFAULT_NAMESPACE],
};
const NOT_FOLLOWED: Followed = {
  isLive: true,
  isSettled: false,
  snapshotMs: 0,
  expected: undefined,
};
