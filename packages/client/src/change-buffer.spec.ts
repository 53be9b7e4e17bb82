// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { CHANGES_MAX, ChangeBuffer } from "./change-buffer.ts";
import type { Change, View } from "./view.ts";

const view: View = {
  election: "orders",
  revision: 1n,
  term: 1n,
  leader: null,
  queue: [],
  sinceMs: null,
};
const snapshot: Change = { type: "snapshot", view };
const elected: Change = { type: "elected", view, cause: "entered", reason: "", timeMs: null };

test("snapshots, however many, leave room for changes, and take none of it with them when they are read", async () => {
  const buffer = new ChangeBuffer();

  for (let n = 0; n < 2 * CHANGES_MAX; n++) buffer.push(snapshot);
  for (let n = 0; n < CHANGES_MAX - 1; n++) buffer.push(elected);
  expect(buffer.isFull).toBe(false);
  for (let n = 0; n < 2 * CHANGES_MAX; n++) await buffer.next();
  expect(buffer.isFull).toBe(false);
  buffer.push(elected);

  expect(buffer.isFull).toBe(true);
});
