// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { electionHash, hashOf, parseRoute, type Route, withQuery } from "./route.ts";

describe("parseRoute", () => {
  it("leads to the elections where the address names nothing", () => {
    for (const hash of ["", "#", "#/"]) {
      expect(parseRoute(hash)).toEqual({ screen: "elections", query: {} });
    }
  });

  it("reads the filters behind the question mark", () => {
    expect(parseRoute("#/elections?q=a+b&ns=prod")).toEqual({
      screen: "elections",
      query: { q: "a b", ns: "prod" },
    });
  });

  it("leads nowhere for what is no address of the console", () => {
    const wrong = [
      "#/nothing",
      "#/elections/a",
      "#/elections/a/b/c",
      "#/sessions/a/b",
      "#/cluster/1",
    ];
    for (const hash of [...wrong, "#/elections/a/%ff"]) {
      expect(parseRoute(hash).screen, hash).toBe("unknown");
    }
  });

  it("finds every election again by its address, whatever is in its name", () => {
    const name = fc.string({ minLength: 1, unit: "grapheme" });
    fc.assert(
      fc.property(name, name, (namespace, election) => {
        const route: Route = { screen: "election", namespace, name: election, query: {} };
        expect(parseRoute(electionHash(namespace, election))).toEqual(route);
      }),
      { numRuns: 300 },
    );
  });
});

describe("withQuery", () => {
  it("replaces what is given, keeps the rest and drops what is empty", () => {
    const route = parseRoute("#/elections?q=a&ns=prod");
    expect(hashOf(withQuery(route, { q: "", state: "vacant" }))).toBe(
      "#/elections?ns=prod&state=vacant",
    );
  });
});
