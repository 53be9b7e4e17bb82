// SPDX-License-Identifier: Apache-2.0
import { type Change, ElectionError, type ViewChange } from "@conclave/client";
import { describe, expect, it } from "vitest";
import {
  createElectionFeed,
  type ElectionFeed,
  type NamespaceCount,
  SETTLE_MS,
} from "./election-feed.ts";
import { keyOf } from "./election-row.ts";
import { viewOf } from "./sample-views.ts";

describe("the feed of elections", () => {
  it("shows a leader only once a server has named it, and none that a server has taken away", async () => {
    const world = new World();
    await world.start();
    expect(world.leaderOf("default", "orders")).toBeUndefined();
    await world.say("default", { type: "snapshot", view: viewOf("orders", ["a", "b"]) });
    expect(world.leaderOf("default", "orders")).toBe("a");
    await world.say("default", changeTo("vacant", viewOf("orders", [], 2n)));
    expect(world.leaderOf("default", "orders")).toBeNull();
  });

  it("no longer shows an election that was deleted, and logs who led it", async () => {
    const world = new World();
    await world.start();
    await world.say("default", { type: "snapshot", view: viewOf("orders", ["a"]) });
    await world.say("default", {
      ...changeTo("vacant", viewOf("orders", [], 2n)),
      cause: "deleted",
    });
    expect(world.feed.elections.get().rows.size).toBe(0);
    const [entry] = world.feed.changes.get();
    expect(entry).toMatchObject({ kind: "change", cause: "deleted", leaderAfter: null });
    expect(entry).toMatchObject({ leaderBefore: { id: "a" } });
  });

  it("says since when it is stale until every namespace is live again", async () => {
    const world = new World();
    world.counts = [{ namespace: "prod", elections: 0 }];
    await world.start();
    expect(world.feed.link.get()).toEqual({ kind: "live" });
    world.now = 70;
    await world.say("prod", { type: "contact", live: false });
    expect(world.feed.link.get()).toEqual({ kind: "stale", sinceMs: 70 });
    world.now = 90;
    await world.say("default", { type: "contact", live: true });
    expect(world.feed.link.get()).toEqual({ kind: "stale", sinceMs: 70 });
    await world.say("prod", { type: "contact", live: true });
    expect(world.feed.link.get()).toEqual({ kind: "live" });
  });

  it("is stale since the node was last heard, when the node does not answer", async () => {
    const world = new World();
    await world.start();
    world.now = 50;
    await world.say("default", { type: "snapshot", view: viewOf("orders", ["a"]) });
    world.now = 2_050;
    world.pollFailure = new ElectionError("NO_QUORUM", "no answer", { retryable: true });
    await world.passTime();
    expect(world.feed.link.get()).toEqual({ kind: "stale", sinceMs: 50 });
    world.pollFailure = undefined;
    await world.passTime();
    expect(world.feed.link.get()).toEqual({ kind: "live" });
  });

  it("stays live where the node refuses to count, and where a watch speaks meanwhile", async () => {
    const world = new World();
    world.pollFailure = new ElectionError("INTERNAL", "unimplemented");
    await world.start();
    await world.passTime();
    expect(world.feed.link.get()).toEqual({ kind: "live" });
    world.pollFailure = new ElectionError("NO_QUORUM", "overloaded", { retryable: true });
    const answer = world.holdAnswers();
    world.now = 4_000;
    await world.passTime();
    world.now = 4_010;
    await world.say("default", changeTo("queue", viewOf("orders", ["a"])));
    answer();
    await world.draw();
    expect(world.feed.link.get()).toEqual({ kind: "live" });
  });

  it("is stale at once in a page that wakes up, until the node has answered", async () => {
    const world = new World();
    await world.start();
    world.now = 3_600_000;
    const answer = world.holdAnswers();
    await world.passTime();
    expect(world.feed.link.get()).toEqual({ kind: "stale", sinceMs: 0 });
    answer();
    await world.passTime();
    expect(world.feed.link.get()).toEqual({ kind: "live" });
  });

  it("is not loaded before what the servers count has been heard", async () => {
    const world = new World();
    world.counts = [{ namespace: "default", elections: 2 }];
    await world.start();
    expect(world.feed.elections.get()).toMatchObject({ isLoaded: false, expected: 2 });
    await world.say("default", { type: "snapshot", view: viewOf("a", []) });
    expect(world.feed.elections.get().isLoaded).toBe(false);
    await world.say("default", { type: "snapshot", view: viewOf("b", []) });
    expect(world.feed.elections.get().isLoaded).toBe(true);
  });

  it("is loaded once nothing has been told for a while where no server says how many elections there are", async () => {
    const world = new World();
    world.pollFailure = new ElectionError("INTERNAL", "unimplemented");
    await world.start();
    expect(world.feed.elections.get().isLoaded).toBe(false);
    world.now = SETTLE_MS - 1;
    await world.say("default", { type: "snapshot", view: viewOf("a", []) });
    world.now = SETTLE_MS;
    await world.passTime();
    expect(world.feed.elections.get().isLoaded).toBe(false);
    world.now = 2 * SETTLE_MS;
    await world.passTime();
    expect(world.feed.elections.get().isLoaded).toBe(true);
  });

  it("begins anew, and with nothing, after a watch that failed", async () => {
    const world = new World();
    await world.start();
    await world.say("default", { type: "snapshot", view: viewOf("gone", ["a"]) });
    await world.fail("default");
    expect(world.feed.link.get().kind).toBe("stale");
    // What was told last is shown, as old, until a new watch begins.
    expect(world.leaderOf("default", "gone")).toBe("a");
    await world.passTime();
    await world.say("default", { type: "snapshot", view: viewOf("kept", ["b"]) });
    expect([...world.feed.elections.get().rows.keys()]).toEqual([keyOf("default", "kept")]);
    expect(world.feed.link.get()).toEqual({ kind: "live" });
  });

  it("says why no node has answered, and goes on trying", async () => {
    const world = new World();
    world.refusal = new Error("nobody home");
    await world.start();
    expect(world.feed.link.get()).toEqual({ kind: "connecting", failure: "nobody home" });
    world.refusal = undefined;
    await world.passTime();
    expect(world.feed.link.get()).toEqual({ kind: "live" });
  });

  it("tells the page once, however many changes come within a frame", async () => {
    const world = new World();
    await world.start();
    let told = 0;
    world.feed.elections.subscribe(() => told++);
    for (let i = 0; i < 100; i++) {
      world.tell("default", { type: "snapshot", view: viewOf(`e${i}`, []) });
    }
    await world.draw();
    expect(world.feed.elections.get().rows.size).toBe(100);
    expect(told).toBe(1);
  });
});

function changeTo(type: ViewChange["type"], view: ViewChange["view"]): ViewChange {
  return { type, view, cause: "expired", reason: "", timeMs: 1 };
}

/** A cluster in memory that says what a test lets it say, and a page whose time stands still. */
class World {
  now = 0;
  counts: readonly NamespaceCount[] = [];
  pollFailure: ElectionError | undefined;
  refusal: Error | undefined;
  readonly feed: ElectionFeed;
  readonly #tellers = new Map<string, Teller>();
  #waiting: (() => void)[] = [];
  #frames: (() => void)[] = [];
  #mayAnswer: Promise<void> = Promise.resolve();

  constructor() {
    this.feed = createElectionFeed({
      connect: async () => {
        if (this.refusal !== undefined) throw this.refusal;
      },
      watch: (namespace) => {
        const teller = new Teller();
        this.#tellers.set(namespace, teller);
        return teller.changes();
      },
      namespaces: async () => {
        await this.#mayAnswer;
        if (this.pollFailure !== undefined) throw this.pollFailure;
        return this.counts;
      },
      wait: (_ms) => new Promise((resolve) => this.#waiting.push(resolve)),
      nowMs: () => this.now,
      schedule: (run) => this.#frames.push(run),
    });
  }

  async start(): Promise<void> {
    void this.feed.run();
    await this.draw();
  }

  /** All waits that have begun come to their end. */
  async passTime(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
    await this.draw();
  }

  /** Polls wait for their answer until what is returned is called. */
  holdAnswers(): () => void {
    let release: () => void = () => {};
    this.#mayAnswer = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  async say(namespace: string, change: Change): Promise<void> {
    this.tell(namespace, change);
    await this.draw();
  }

  tell(namespace: string, change: Change): void {
    this.#tellers.get(namespace)?.tell(change);
  }

  async fail(namespace: string): Promise<void> {
    this.#tellers.get(namespace)?.fail();
    await this.draw();
  }

  /** Everything that is under way settles, and the page is drawn. */
  async draw(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setTimeout(resolve));
      for (const run of this.#frames.splice(0)) run();
    }
  }

  leaderOf(namespace: string, name: string): string | null | undefined {
    const row = this.feed.elections.get().rows.get(keyOf(namespace, name));
    return row === undefined ? undefined : (row.view.leader?.id ?? null);
  }
}

/** One watch, as the client would give it. */
class Teller {
  readonly #told: Change[] = [];
  #hasFailed = false;
  #wake: () => void = () => {};

  tell(change: Change): void {
    this.#told.push(change);
    this.#wake();
  }

  fail(): void {
    this.#hasFailed = true;
    this.#wake();
  }

  async *changes(): AsyncIterable<Change> {
    for (;;) {
      yield* this.#told.splice(0);
      if (this.#hasFailed) throw new Error("the watch has ended");
      if (this.#told.length > 0) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
