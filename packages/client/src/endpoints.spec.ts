// SPDX-License-Identifier: Apache-2.0
import { createPrng } from "@conclave/base";
import { expect, test } from "vitest";
import { Endpoints } from "./endpoints.ts";

const URLS = ["http://a", "http://b", "http://c"];

test("a node that failed comes after all the others", () => {
  const endpoints = new Endpoints(URLS, createPrng(1n));
  const order: string[] = [];
  for (let n = 0; n < 3; n++) {
    order.push(endpoints.first());
    endpoints.failed(endpoints.first());
  }

  expect([...order].sort()).toEqual(URLS);
  expect(endpoints.first()).toBe(order[0]);
});

test("clients begin at different nodes", () => {
  const firsts = new Set<string>();
  for (let seed = 1n; seed <= 20n; seed++)
    firsts.add(new Endpoints(URLS, createPrng(seed)).first());

  expect(firsts.size).toBe(3);
});

test("the first try waits for nothing, another node for little, and nobody for more than two seconds", () => {
  const endpoints = new Endpoints(URLS, createPrng(1n));

  expect(endpoints.waitMs(0)).toBe(0);
  for (const failures of [1, 2, 3]) {
    for (let n = 0; n < 100; n++) {
      expect(endpoints.waitMs(failures)).toBeGreaterThanOrEqual(1);
      expect(endpoints.waitMs(failures)).toBeLessThanOrEqual(50);
    }
  }
  for (let n = 0; n < 100; n++) expect(endpoints.waitMs(1_000)).toBeLessThanOrEqual(2_000);
});
