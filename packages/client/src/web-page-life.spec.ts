// SPDX-License-Identifier: Apache-2.0
/** The events of a page, in the orders in which browsers send them. */
import { createManualClock, type ManualClock } from "@conclave/base";
import { expect, test } from "vitest";
import { WebPageLife } from "./web-page-life.ts";

test("a page that is closed departs first, and only then stops talking", () => {
  const page = createPage();

  page.window("pagehide");

  expect(page.told).toEqual(["departing", "hide"]);
  expect(page.life.isAway).toBe(true);
});

test("a page that is kept and frozen departs once, and comes back once", () => {
  const page = createPage();

  page.window("pagehide");
  page.document("freeze");
  page.document("resume");
  page.window("pageshow");

  expect(page.told).toEqual(["departing", "hide", "show", "interrupted"]);
  expect(page.life.isAway).toBe(false);
});

test("a hidden page that is frozen, and only that, departs, and comes back when it is thawed", () => {
  const page = createPage();

  page.document("freeze");
  page.document("resume");

  expect(page.told).toEqual(["departing", "hide", "show", "interrupted"]);
});

test("the first showing of a page is no return", () => {
  const page = createPage();

  page.window("pageshow");

  expect(page.told).toEqual([]);
});

test("a sleep in which the monotonic clock stood still is an interruption, told once", () => {
  const page = createPage();
  page.clock.jumpWall(1_500);
  page.clock.advance(10);

  page.life.woken();
  page.life.woken();

  expect(page.told).toEqual(["interrupted"]);
});

test("a clock that is set back is an interruption, too: it may hide a sleep", () => {
  const page = createPage();
  page.clock.jumpWall(-1_500);

  page.life.woken();

  expect(page.told).toEqual(["interrupted"]);
});

test("clocks that drift apart slowly interrupt nothing, however far they come", () => {
  const page = createPage();
  for (let n = 0; n < 10; n++) {
    page.clock.advance(60_000);
    page.clock.jumpWall(900);
    page.life.woken();
  }

  expect(page.told).toEqual([]);
});

test("what is listened to no more is not told", () => {
  const page = createPage();
  page.unlisten();

  page.clock.jumpWall(5_000);
  page.life.woken();
  page.document("freeze");

  expect(page.told).toEqual([]);
});

test("where there is neither a window nor a document, only the clocks are looked at", () => {
  const clock = createManualClock();
  const told: string[] = [];
  const link = { hide: () => told.push("hide"), show: () => told.push("show") };
  const life = new WebPageLife({ scope: undefined, document: undefined, link, clock });

  const unlisten = life.listen({
    interrupted: () => told.push("interrupted"),
    departing: () => told.push("departing"),
  });
  life.woken();
  unlisten();

  expect(told).toEqual([]);
});

interface Page {
  readonly clock: ManualClock;
  readonly life: WebPageLife;
  readonly told: string[];
  window(event: string): void;
  document(event: string): void;
  unlisten(): void;
}

function createPage(): Page {
  const clock = createManualClock();
  const [scope, document] = [new EventTarget(), new EventTarget()];
  const told: string[] = [];
  const link = { hide: () => told.push("hide"), show: () => told.push("show") };
  const life = new WebPageLife({ scope, document, link, clock });
  const unlisten = life.listen({
    interrupted: () => told.push("interrupted"),
    departing: () => told.push("departing"),
  });
  return {
    clock,
    life,
    told,
    window: (event) => void scope.dispatchEvent(new Event(event)),
    document: (event) => void document.dispatchEvent(new Event(event)),
    unlisten,
  };
}
