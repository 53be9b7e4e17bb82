// SPDX-License-Identifier: Apache-2.0
/** Resuming a watch from a replica's ring of changes (semantics A4; schedule N). */
import { expect, test } from "vitest";
import type { Change } from "./change.ts";
import type { Metadata } from "./command.ts";
import { createHistory, type History, type Resumption, recordChanges, resume } from "./history.ts";
import { keyText, type PrimitiveKey } from "./key.ts";
import { unchangedSince } from "./read.ts";
import {
  createDriver,
  type Driver,
  enter,
  KEY,
  key,
  NO_METADATA,
  open,
  remove,
  steer,
  withdraw,
} from "./spec/driver.ts";

function changed(driver: Driver, history: History, ...commands: Parameters<Driver["run"]>): void {
  recordChanges(history, driver.run(...commands).changes);
}

function resumeOne(
  driver: Driver,
  history: History,
  afterRevision: bigint,
  of: PrimitiveKey,
): string {
  const since = unchangedSince(driver.state, of);
  return showResumption(
    resume(history, {
      afterRevision,
      isWanted: (change: Change) => keyText(change.key) === keyText(of),
      ...(since === undefined ? {} : { unchangedSince: since }),
    }),
  );
}

function resumeAll(history: History, afterRevision: bigint): string {
  return showResumption(resume(history, { afterRevision, isWanted: () => true }));
}

function showResumption(resumption: Resumption): string {
  switch (resumption.kind) {
    case "replay":
      return `replay ${resumption.changes.map((c) => c.revision).join(" ")}`.trim();
    case "gap":
      return `gap ${resumption.afterRevision} to ${resumption.beforeRevision}`;
    case "ahead":
      return `ahead of ${resumption.head}`;
  }
}

/** Revisions: e 1, f 2, e 3, f deleted 4, e 5. */
function story(changesMax: number): { driver: Driver; history: History } {
  const driver = createDriver();
  const history = createHistory({ floor: 0n, changesMax });
  changed(driver, history, open(1n), enter("a", 1n), enter("x", 1n, { key: key("f") }));
  changed(driver, history, enter("b", 1n), remove(key("f")), steer("anoint", "b"));
  return { driver, history };
}

test("at or above the floor all that is wanted is replayed, in order", () => {
  const { driver, history } = story(65_536);
  expect(resumeAll(history, 0n)).toBe("replay 1 2 3 4 5");
  expect(resumeAll(history, 3n)).toBe("replay 4 5");
  expect(resumeAll(history, 5n)).toBe("replay");
  expect(resumeOne(driver, history, 0n, KEY)).toBe("replay 1 3 5");
});

test("N: a watch by prefix that resumes after an election was deleted sees the deletion", () => {
  const { history } = story(65_536);
  const resumption = resume(history, { afterRevision: 3n, isWanted: (c) => c.key.name === "f" });
  expect(resumption).toMatchObject({ kind: "replay", changes: [{ cause: "deleted" }] });
});

test("exactly at the floor nothing is missed; one below it there is a gap", () => {
  const { history } = story(2);
  expect(history.floor).toBe(3n);
  expect(resumeAll(history, 3n)).toBe("replay 4 5");
  expect(resumeAll(history, 2n)).toBe("gap 2 to 3");
});

test("below the floor, an election whose own revision is not above has missed nothing", () => {
  const { driver, history } = story(1);
  changed(driver, history, enter("c", 1n, { key: key("g") }));
  expect(history.floor).toBe(5n);
  expect(resumeOne(driver, history, 4n, KEY)).toBe("gap 4 to 5");
  expect(resumeOne(driver, history, 5n, KEY)).toBe("replay");
  changed(driver, history, enter("d", 1n, { key: key("g") }));
  expect(history.floor).toBe(6n);
  expect(resumeOne(driver, history, 5n, KEY)).toBe("replay");
  expect(resumeAll(history, 5n)).toBe("gap 5 to 6");
});

test("N: below the floor, an election that does not exist may have been deleted: gap", () => {
  const { driver, history } = story(1);
  expect(resumeOne(driver, history, 2n, key("f"))).toBe("gap 2 to 4");
});

test("N: an election created again after a deletion that was missed does not hide it", () => {
  const { driver, history } = story(1);
  driver.run({
    kind: "dialect-call",
    sessionId: 1n,
    order: { kind: "free" },
    operation: { kind: "create", key: key("f") },
  });
  // It has not changed since it was created, yet whoever saw the old one must learn that it went.
  expect(resumeOne(driver, history, 2n, key("f"))).toBe("gap 2 to 4");
});

test("a resume point that the replica has not reached is ahead, and replays nothing", () => {
  const { history } = story(65_536);
  expect(resumeAll(history, 6n)).toBe("ahead of 5");
});

test("N: a replica that restarted has its floor at what it had applied", () => {
  const history = createHistory({ floor: 5n });
  expect(resumeAll(history, 5n)).toBe("replay");
  expect(resumeAll(history, 4n)).toBe("gap 4 to 5");
});

test("the ring is bounded in bytes too, and keeps the newest", () => {
  const driver = createDriver();
  const history = createHistory({ floor: 0n, bytesMax: 3_000 });
  const reason = "x".repeat(250);
  driver.run(open(1n));
  for (let i = 0; i < 50; i++) {
    changed(driver, history, enter("a", 1n), steer("evict", "a", { reason }));
  }
  expect(history.bytes).toBeLessThanOrEqual(3_000);
  expect(resumeAll(history, 99n)).toBe("replay 100");
  expect(resumeAll(history, 50n)).toContain("gap");
  expect(history.head - history.floor).toBe(BigInt(history.kept.length - history.first));
});

test("a ring that has turned over many times still finds every place", () => {
  const driver = createDriver();
  const history = createHistory({ floor: 0n, changesMax: 7 });
  driver.run(open(1n));
  for (let i = 0; i < 100; i++) changed(driver, history, enter("a", 1n), withdraw("a", 1n));
  for (let after = 193n; after <= 200n; after++) {
    const expected = Array.from({ length: Number(200n - after) }, (_, i) => after + 1n + BigInt(i));
    expect(resumeAll(history, after)).toBe(`replay ${expected.join(" ")}`.trim());
  }
});

test("who left, and the metadata that was replaced, count towards the bytes of the ring", () => {
  const sizesWith = (metadata: Metadata): readonly number[] => {
    const driver = createDriver();
    driver.run(open(1n), enter("lead", 1n), enter("a", 1n, { metadata }));
    const { changes } = driver.run(
      enter("a", 1n, { metadata: new Map([["k", "v"]]) }),
      enter("a", 1n, { metadata }),
      steer("evict", "a"),
    );
    return changes.map((change) => {
      const history = createHistory({ floor: change.revision - 1n });
      recordChanges(history, [change]);
      return history.bytes;
    });
  };

  const light = sizesWith(NO_METADATA);
  const heavy = sizesWith(new Map([["k", "x".repeat(1_000)]]));

  expect(heavy.map((bytes, i) => bytes - light[i]!)).toEqual([1_041, 1_041, 1_041]);
});
