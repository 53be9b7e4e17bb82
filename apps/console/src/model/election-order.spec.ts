// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { countStates, filterOf, orderedRows } from "./election-order.ts";
import { rowOf } from "./sample-views.ts";

const ROWS = [
  rowOf("default", "orders", ["a", "b"]),
  rowOf("default", "billing", ["a", "b"]),
  rowOf("prod", "mail", ["Host-7"]),
  rowOf("default", "zoo", []),
  rowOf("prod", "ants", []),
  rowOf("default", "mail", ["b"]),
];
const ALL = { text: "", namespace: "", state: "" } as const;

function namesOf(filter: Parameters<typeof orderedRows>[1]): readonly string[] {
  return orderedRows(ROWS, filter).map(({ namespace, name }) => `${namespace}/${name}`);
}

describe("orderedRows", () => {
  it("puts vacant ones first, then those without a standby, each by name and namespace", () => {
    expect(namesOf(ALL)).toEqual([
      "prod/ants",
      "default/zoo",
      "default/mail",
      "prod/mail",
      "default/billing",
      "default/orders",
    ]);
  });

  it("keeps what has every word in its name or its leader's, in any case", () => {
    expect(namesOf({ ...ALL, text: " MAIL " })).toEqual(["default/mail", "prod/mail"]);
    expect(namesOf({ ...ALL, text: "host ai" })).toEqual(["prod/mail"]);
    expect(namesOf({ ...ALL, text: "host zoo" })).toEqual([]);
  });

  it("keeps one namespace and one state where they are chosen", () => {
    expect(namesOf({ ...ALL, namespace: "prod" })).toEqual(["prod/ants", "prod/mail"]);
    expect(namesOf({ ...ALL, state: "alone" })).toEqual(["default/mail", "prod/mail"]);
  });
});

describe("countStates", () => {
  it("counts each election once", () => {
    expect(countStates(ROWS)).toEqual({ vacant: 2, alone: 2, led: 2 });
  });
});

describe("filterOf", () => {
  it("ignores a state that there is not", () => {
    expect(filterOf({ state: "lost", q: "x", ns: "n" })).toEqual({
      text: "x",
      namespace: "n",
      state: "",
    });
  });
});
